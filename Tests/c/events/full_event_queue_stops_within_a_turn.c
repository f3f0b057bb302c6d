/* When the host's event queue is full in the midst of what a peer has sent at once, the rest waits, and goes
 * on in order when events are fetched. The queue holds no more than its limit and one turn. */
#include "client.h"
#include "world.h"
#include <poll.h>

enum { messages = 3000, limit = 100, turn = 64 };

int main(void) {
    char settings[64];
    snprintf(settings, sizeof settings, "max_event_queue=%d", limit);
    struct world *world = world_new(settings);
    static hearth_event events[messages];
    unsigned char *frames = malloc(messages * 16);
    size_t count = 0;
    int received = 0, most = 0;
    CHECK(frames);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(world->server), "/"), size = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    for (int i = 0; i < messages; i++) {
        int length = sprintf((char *)frames + count + 6, "%d", i);
        frames[count] = 0x81;
        frames[count + 1] = (unsigned char)(0x80 | length);
        memset(frames + count + 2, 0, 4);
        count += 6 + (size_t)length;
    }
    client_write(fd, frames, count);
    client_send_close(fd, 1000);
    for (int is_closed = 0; !is_closed;) {
        usleep(2000);
        int64_t found = hearth_engine_poll(world->engine, events, sizeof events[0], messages, 20000);
        CHECK(found >= 1);
        if (found > most)
            most = (int)found;
        for (int64_t i = 0; i < found; i++) {
            is_closed |= events[i].type == HEARTH_EVENT_CLOSE;
            if (events[i].type != HEARTH_EVENT_MESSAGE)
                continue;
            char wanted[32];
            snprintf(wanted, sizeof wanted, "%d", received++);
            CHECK_NUMBER(events[i].data_length, strlen(wanted));
            CHECK(memcmp(events[i].data, wanted, strlen(wanted)) == 0);
        }
    }
    printf("%d events at once\n", most);
    CHECK_NUMBER(received, messages);
    CHECK(most <= limit + turn);
    free(frames);
    world_free(world);
    return 0;
}
