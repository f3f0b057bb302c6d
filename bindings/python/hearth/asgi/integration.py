"""The manager in an application: one line to put it there, one to get it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, AsyncIterator, Optional

from .manager import ConnectionManager, ManagerOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NAME = "ws_manager"


def add_websocket_manager(
    app: Any, manager: Optional[ConnectionManager] = None, **options: "Unpack[ManagerOptions]"
) -> ConnectionManager:
    """Puts a manager into a FastAPI or Starlette application, which starts and stops it with itself.

        app = FastAPI()
        manager = add_websocket_manager(app, max_connections_per_user=5)

    Without a manager it makes one of the options. Another ASGI application is wrapped in
    ManagerMiddleware, which the caller does by itself.
    """
    if manager is None:
        manager = ConnectionManager(**options)
    elif options:
        raise TypeError("options are for a manager that is made here")
    router = getattr(app, "router", None)
    if router is None or not hasattr(app, "state"):
        raise TypeError(
            "add_websocket_manager takes a FastAPI or Starlette application; "
            "wrap another one in hearth.asgi.ManagerMiddleware"
        )
    app.state.ws_manager = manager
    inner = router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(application: Any) -> AsyncIterator[Any]:
        async with manager, inner(application) as state:
            yield state

    router.lifespan_context = lifespan
    return manager


def easy_websocket_manager(**options: "Unpack[ManagerOptions]") -> ConnectionManager:
    """A manager with the settings of the environment (WS_...) and those given."""
    return ConnectionManager(**options)


def get_ws_manager(request: Any) -> ConnectionManager:
    """The manager of the application that a request or a WebSocket belongs to."""
    scope = getattr(request, "scope", request)
    manager = scope.get(_NAME)
    if manager is None:
        manager = getattr(getattr(scope.get("app"), "state", None), _NAME, None)
    if manager is None:
        raise RuntimeError("this application has no manager: call add_websocket_manager(app) first")
    found: ConnectionManager = manager
    return found


class ManagerMiddleware:
    """Gives a manager to an ASGI application of any kind: get_ws_manager(scope) answers it, and it stops
    when the server ends the lifespan."""

    def __init__(self, app: Any, manager: ConnectionManager) -> None:
        self.app = app
        self.manager = manager

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope[_NAME] = self.manager
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return

        async def stopping(message: Any) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.manager.stop()
            await send(message)

        await self.app(scope, receive, stopping)
