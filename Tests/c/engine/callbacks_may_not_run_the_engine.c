/* In a callback the engine is neither polled nor freed, also if the callback comes from a call that the
 * host made between two turns; and an attached one is not stopped there.
 * Variants: started driven between_turns attached */
#include "driven.h"
#include <uv.h>

static const char *variant;
static int asked;

static void on_event(struct world *world, const hearth_event *event) {
    hearth_event taken;
    const uint8_t *data;
    size_t length;
    if (event->type != HEARTH_EVENT_CLOSE)
        return;
    asked++;
    CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_ERR_THREAD);
    if (strcmp(variant, "attached") == 0) {
        CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_ERR_THREAD);
    } else {
        int wanted = strcmp(variant, "started") == 0 ? HEARTH_ERR_THREAD : HEARTH_ERR_STATE;
        CHECK_NUMBER(hearth_engine_poll(world->engine, &taken, sizeof(hearth_event), 1, -1), wanted);
        CHECK_NUMBER(hearth_engine_poll_packed(world->engine, &data, &length, -1), wanted);
    }
}

static void serve_attached(struct world *world) {
    uv_loop_t loop;
    char head[8192];
    CHECK(uv_loop_init(&loop) == 0);
    int fd = client_connect(world_listen(world));
    CHECK_NUMBER(hearth_engine_attach(world->engine, &loop), HEARTH_OK);
    client_send_upgrade(fd, "/", "");
    while (!is_readable(fd))
        uv_run(&loop, UV_RUN_NOWAIT);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    client_cut(fd);
    while (!asked)
        uv_run(&loop, UV_RUN_NOWAIT);
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    world_free(world);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_NUMBER(uv_loop_close(&loop), 0);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    alarm(20);
    struct world *world = world_new("");
    world->on_event = on_event;
    if (strcmp(variant, "attached") == 0) {
        serve_attached(world);
    } else if (strcmp(variant, "started") == 0) {
        client_close(client_open(world_start(world), "/"), 1000);
        world_wait(world, HEARTH_EVENT_CLOSE, 1);
        world_free(world);
    } else {
        int fd = world_open(world, world_drive(world), "/");
        if (strcmp(variant, "between_turns") == 0)
            CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
        client_cut(fd);
        world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
        world_free(world);
    }
    CHECK_NUMBER(asked, 1);
    return 0;
}
