/* A driven engine serves with nothing but its descriptor, its timeout and hearth_engine_poll. */
#include "client.h"
#include "world.h"
#include <poll.h>

static void *talk(void *context) {
    int port = *(int *)context;
    int first = client_open(port, "/"), second = client_open(port, "/");
    for (int i = 0; i < 100; i++) {
        client_send_text(first, "to be echoed");
        client_send_text(second, "by the host");
        client_expect_text(first, "to be echoed");
        client_expect_text(second, "by the host");
    }
    client_close(first, 1000);
    client_close(second, 1000);
    return NULL;
}

static void *poll_elsewhere(void *engine) {
    hearth_event event;
    CHECK_NUMBER(hearth_engine_poll(engine, &event, sizeof(hearth_event), 1, 0), HEARTH_ERR_THREAD);
    return NULL;
}

int main(void) {
    struct world *world = world_new("ping_interval=50ms");
    hearth_event events[16];
    pthread_t thread;
    int closed = 0;
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_drive(world->engine), HEARTH_OK);
    int port = hearth_server_port(world->server), fd = hearth_engine_fd(world->engine);
    CHECK(fd >= 0);
    CHECK(pthread_create(&thread, NULL, poll_elsewhere, world->engine) == 0);
    pthread_join(thread, NULL);
    CHECK(pthread_create(&thread, NULL, talk, &port) == 0);
    while (closed < 2) {
        struct pollfd descriptor = {fd, POLLIN, 0};
        poll(&descriptor, 1, hearth_engine_timeout(world->engine));
        int64_t count = hearth_engine_poll(world->engine, events, sizeof(hearth_event), 16, 0);
        CHECK(count >= 0 && count <= 16);
        for (int64_t i = 0; i < count; i++) {
            echo(world, &events[i]);
            closed += events[i].type == HEARTH_EVENT_CLOSE;
        }
        CHECK_NUMBER(hearth_engine_flush(world->engine), HEARTH_OK);
    }
    pthread_join(thread, NULL);
    world_free(world);
    return 0;
}
