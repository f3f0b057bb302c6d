/* An attached engine keeps the host's loop running while a server is started, also one that nobody is
 * connected to, and not when it is told not to.
 * Variants: kept let_go */
#include "client.h"
#include "world.h"
#include <uv.h>

static int has_ended;

static void on_timer(uv_timer_t *timer) {
    struct world *world = timer->data;
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
    uv_close((uv_handle_t *)timer, NULL);
    has_ended = 1;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    struct world *world = world_new("");
    uv_loop_t loop;
    uv_timer_t timer;
    CHECK(uv_loop_init(&loop) == 0 && uv_timer_init(&loop, &timer) == 0);
    CHECK_NUMBER(hearth_engine_keep_alive(world->engine, 0), HEARTH_ERR_STATE);
    int port = world_listen(world);
    CHECK_NUMBER(hearth_engine_attach(world->engine, &loop), HEARTH_OK);
    int fd = client_connect(port);
    uv_run(&loop, UV_RUN_NOWAIT);
    if (strcmp(arguments[1], "kept") == 0) {
        /* The timer is not what keeps the loop running. */
        timer.data = world;
        CHECK(uv_timer_start(&timer, on_timer, 20, 0) == 0);
        uv_unref((uv_handle_t *)&timer);
        uv_run(&loop, UV_RUN_DEFAULT);
        CHECK(has_ended);
    } else {
        CHECK_NUMBER(hearth_engine_keep_alive(world->engine, 0), HEARTH_OK);
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_close((uv_handle_t *)&timer, NULL);
    }
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    world_free(world);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_NUMBER(uv_loop_close(&loop), 0);
    close(fd);
    return 0;
}
