/* A peer that asks and asks and takes no answer is not read for ever: the engine stops taking requests,
 * and goes on once the peer reads. */
#include "driven.h"

enum { sent_max = 32 << 20, block_requests = 500, idle_turns = 100 };

static const char request[] = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";

/* Sends whole requests as long as the engine takes them; answers how many. */
static size_t send_until_it_waits(struct world *world, int fd) {
    static char block[block_requests * (sizeof request - 1)];
    size_t sent = 0;
    hearth_event event;
    for (size_t i = 0; i < block_requests; i++)
        memcpy(block + i * (sizeof request - 1), request, sizeof request - 1);
    for (int idle = 0; idle < idle_turns; idle++) {
        for (;;) {
            size_t at = sent % sizeof block;
            ssize_t count = send(fd, block + at, sizeof block - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            CHECK(count > 0 || errno == EAGAIN);
            if (count < 0)
                break;
            sent += (size_t)count;
            idle = 0;
            CHECK(sent < sent_max);
        }
        CHECK(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0) >= 0);
        usleep(500);
    }
    return sent / (sizeof request - 1);
}

static size_t read_answers(struct world *world, int fd, size_t wanted) {
    static const char status[] = "HTTP/1.1 404";
    size_t found = 0, matched = 0;
    char bytes[1 << 16];
    while (found < wanted) {
        TURN_UNTIL(world, is_readable(fd));
        ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        CHECK(count > 0);
        for (ssize_t i = 0; i < count; i++) {
            matched = bytes[i] == status[matched] ? matched + 1 : bytes[i] == status[0];
            if (matched == sizeof status - 1) {
                found++;
                matched = 0;
            }
        }
    }
    return found;
}

int main(void) {
    struct world *world = world_new("");
    int bytes = 256 << 10;
    world_route(world, "/ws", "");
    int fd = client_connect(world_drive(world));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    size_t sent = send_until_it_waits(world, fd);
    CHECK(sent > 0);
    CHECK_NUMBER(read_answers(world, fd, sent), sent);
    close(fd);
    world_free(world);
    return 0;
}
