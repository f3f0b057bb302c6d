/* A program that was compiled with a shorter struct than the library's gets whole events, and nothing is
 * written behind its array. older_header/hearth.h is the header without the last fields of hearth_event. */
#include "client.h"
#include "world.h"

#ifdef HEARTH_EVENT_IS_OLDER
enum { CONNECTIONS = 3, GUARD = 0x5A };

static int guard_is_whole(const unsigned char *guard, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (guard[i] != GUARD)
            return 0;
    return 1;
}

int main(void) {
    struct world *world = world_new("");
    struct {
        hearth_event events[CONNECTIONS];
        unsigned char guard[512];
    } batch;
    int64_t count = 0;
    int fds[CONNECTIONS];
    char path[16];
    CHECK(sizeof(hearth_event) < 280);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    for (int i = 0; i < CONNECTIONS; i++) {
        snprintf(path, sizeof path, "/%d", i);
        fds[i] = client_open(hearth_server_port(world->server), path);
    }
    memset(&batch, GUARD, sizeof batch);
    while (count < CONNECTIONS) {
        int64_t more = hearth_engine_poll(world->engine, batch.events + count, sizeof(hearth_event),
                                          CONNECTIONS - (size_t)count, 20000);
        CHECK(more > 0);
        for (int64_t i = count; i < count + more; i++) {
            const hearth_event *event = &batch.events[i];
            CHECK_NUMBER(event->size, sizeof(hearth_event));
            CHECK_NUMBER(event->type, HEARTH_EVENT_OPEN);
            CHECK(event->server == world->server);
            CHECK(event->path[1] == '0' + i && event->path_length == 2);
        }
        CHECK(guard_is_whole(batch.guard, sizeof batch.guard));
        count += more;
    }
    for (int i = 0; i < CONNECTIONS; i++)
        client_close(fds[i], 1000);
    world_free(world);
    return 0;
}
#else
#error "compiled with the whole header"
#endif
