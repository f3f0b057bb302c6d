/* hearth_engine_run serves until hearth_engine_stop, and may be called again. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    echo(world, event);
    if (event->type == HEARTH_EVENT_CLOSE)
        CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
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
    world->on_event = on_event;
    int port = world_listen(world);
    for (int turn = 1; turn <= 2; turn++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, talk, &port) == 0);
        CHECK_NUMBER(hearth_engine_run(world->engine), HEARTH_OK);
        pthread_join(thread, NULL);
        CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), turn);
    }
    world_free(world);
    return 0;
}
