/* A server without a callback in an engine that runs on the caller's thread serves on, however many events
 * there were: nobody could fetch them. */
#include "client.h"
#include "world.h"

enum { visits = 50 };

static void *run(void *engine) {
    CHECK_NUMBER(hearth_engine_run(engine), HEARTH_OK);
    return NULL;
}

int main(void) {
    struct world *world = world_new("max_event_queue=10");
    pthread_t thread;
    world_route(world, "/{room}", "join=auto,relay=all");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK(pthread_create(&thread, NULL, run, world->engine) == 0);
    for (int i = 0; i < visits; i++) {
        int fd = client_open(hearth_server_port(world->server), "/hall");
        client_send_text(fd, "hello");
        client_expect_text(fd, "hello");
        client_close(fd, 1000);
    }
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    pthread_join(thread, NULL);
    world_free(world);
    return 0;
}
