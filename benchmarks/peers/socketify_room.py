"""The package `socketify` as a peer of the benchmarks: echoes on /echo and relays in /room/NAME.

socketify_room.py PORT
"""

import sys

from socketify import App, AppListenOptions


def room_of(ws):
    return ws.get_user_data()["room"]


def upgrade(response, request, context):
    key = request.get_header("sec-websocket-key")
    protocol = request.get_header("sec-websocket-protocol")
    extensions = request.get_header("sec-websocket-extensions")
    response.upgrade(key, protocol, extensions, context, {"room": request.get_url()})


def publish(ws, message, opcode):
    ws.publish(room_of(ws), message, opcode)  # The publisher gets it too.


app = App()
options = {"compression": 0, "max_payload_length": 2 << 20, "idle_timeout": 0}
app.ws("/echo", {**options, "message": lambda ws, message, opcode: ws.send(message, opcode)})
app.ws(
    "/room/*",
    {**options, "upgrade": upgrade, "open": lambda ws: ws.subscribe(room_of(ws)), "message": publish},
)
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"))
app.run()
