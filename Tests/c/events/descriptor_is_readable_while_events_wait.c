/* The descriptor of a started engine is readable until the last event that waits was taken, and only so
 * long. */
#include "client.h"
#include "world.h"
#include <poll.h>

enum { peers = 5 };

static int is_readable(hearth_engine *engine, int milliseconds) {
    struct pollfd descriptor = {hearth_engine_fd(engine), POLLIN, 0};
    return poll(&descriptor, 1, milliseconds) == 1;
}

int main(void) {
    struct world *world = world_new("");
    hearth_event event;
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    for (int round = 0; round < 20; round++) {
        int fds[peers];
        for (int i = 0; i < peers; i++)
            fds[i] = client_open(hearth_server_port(world->server), "/");
        for (int i = 0; i < peers; i++)
            client_close(fds[i], 1000);
        for (int taken = 0; taken < 2 * peers; taken++) {
            CHECK(is_readable(world->engine, 20000));
            CHECK_NUMBER(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0), 1);
        }
        CHECK_NUMBER(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0), 0);
        CHECK(!is_readable(world->engine, 0));
    }
    world_free(world);
    return 0;
}
