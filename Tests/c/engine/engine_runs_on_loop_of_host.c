/* An attached engine lives on the host's uv_loop_t beside the host's own timers, and lets the loop end once
 * its server is stopped. */
#include "client.h"
#include "world.h"
#include <uv.h>

static int ticks;

static void on_tick(uv_timer_t *timer) {
    if (++ticks == 3)
        uv_close((uv_handle_t *)timer, NULL);
}

static void on_event(struct world *world, const hearth_event *event) {
    echo(world, event);
    if (event->type == HEARTH_EVENT_CLOSE)
        CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
}

static void *talk(void *context) {
    int fd = client_open(*(int *)context, "/");
    client_send_text(fd, "hello");
    client_expect_text(fd, "hello");
    client_close(fd, 1000);
    return NULL;
}

int main(void) {
    struct world *world = world_new("");
    uv_loop_t loop;
    uv_timer_t timer;
    pthread_t thread;
    world->on_event = on_event;
    CHECK(uv_loop_init(&loop) == 0);
    CHECK(uv_timer_init(&loop, &timer) == 0 && uv_timer_start(&timer, on_tick, 1, 1) == 0);
    int port = world_listen(world);
    CHECK_NUMBER(hearth_engine_attach(world->engine, &loop), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_ERR_STATE);
    CHECK(pthread_create(&thread, NULL, talk, &port) == 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    CHECK_NUMBER(ticks, 3);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_SERVER_STOPPED), 1);
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    world_free(world);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_NUMBER(uv_loop_close(&loop), 0);
    return 0;
}
