/* An attached engine that is stopped, or freed, with a peer open tells of its CLOSE and leaves nothing in the
 * host's loop.
 * Variants: stop free */
#include "client.h"
#include "world.h"
#include <poll.h>
#include <uv.h>

static void turn_until_readable(uv_loop_t *loop, int fd) {
    struct pollfd descriptor = {fd, POLLIN, 0};
    for (int i = 0; i < 20000 && poll(&descriptor, 1, 1) == 0; i++)
        uv_run(loop, UV_RUN_NOWAIT);
}

int main(int count, char **arguments) {
    uv_loop_t loop;
    char head[8192];
    CHECK(count == 2);
    CHECK(uv_loop_init(&loop) == 0);
    struct world *world = world_new("");
    world_route(world, "/", "join=hall");
    int fd = client_connect(world_listen(world));
    CHECK_NUMBER(hearth_engine_attach(world->engine, &loop), HEARTH_OK);
    client_send_upgrade(fd, "/", "");
    turn_until_readable(&loop, fd);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    if (strcmp(arguments[1], "stop") == 0) {
        CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
        CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 1);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_OK);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_LEFT), 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_NUMBER(uv_loop_close(&loop), 0);
    client_expect_end(fd);
    hearth_config_free(world->config);
    free(world);
    return 0;
}
