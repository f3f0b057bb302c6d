/* A world whose loop the test turns itself, so that it decides what happens between two turns. */
#ifndef DRIVEN_H
#define DRIVEN_H

#include "client.h"
#include "world.h"
#include <poll.h>

enum { DRIVEN_SECONDS_MAX = 20 };

static inline void world_turn(struct world *world);

#ifdef CLIENT_TLS
/* Whose loop is turned while its peer waits for it. */
static struct world *driven_world;

static inline void world_turn_driven(void) {
    world_turn(driven_world);
}
#endif

/* Listens, makes the calling thread the loop's and answers the port. */
static inline int world_drive(struct world *world) {
    int port = world_listen(world);
    CHECK_NUMBER(hearth_engine_drive(world->engine), HEARTH_OK);
#ifdef CLIENT_TLS
    sealed_turn = world_turn_driven;
    driven_world = world;
#endif
    return port;
}

/* One turn, once there is something to do, or after 50 milliseconds. */
static inline void world_turn(struct world *world) {
    hearth_event event;
    struct pollfd descriptor = {hearth_engine_fd(world->engine), POLLIN, 0};
    int timeout = hearth_engine_timeout(world->engine);
    poll(&descriptor, 1, timeout >= 0 && timeout < 50 ? timeout : 50);
    CHECK(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0) >= 0);
}

static inline time_t driven_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Turns the loop until the condition holds; more than 20 seconds of it fail the test. */
#define TURN_UNTIL(world, condition)                                                        \
    do {                                                                                    \
        time_t limit_ = driven_seconds() + DRIVEN_SECONDS_MAX;                              \
        while (!(condition)) {                                                              \
            if (driven_seconds() > limit_) {                                                \
                fprintf(stderr, "%s:%d: never came: %s\n", __FILE__, __LINE__, #condition); \
                exit(1);                                                                    \
            }                                                                               \
            world_turn(world);                                                              \
        }                                                                                   \
    } while (0)

/* The nth event of a type, from 1, turning the loop until it is there. */
static inline struct record *world_turn_until(struct world *world, uint32_t type, size_t nth) {
    TURN_UNTIL(world, world_count(world, type) >= nth);
    return world_wait(world, type, nth);
}

static inline int is_readable(int fd) {
    struct pollfd descriptor = {fd, POLLIN, 0};
    return client_has_pending(fd) || poll(&descriptor, 1, 0) > 0;
}

/* Exactly so many bytes of the peer's, turning the loop while there are none; 0 at an end before. */
static inline int world_read(struct world *world, int fd, void *data, size_t length) {
    char *rest = data;
    while (length > 0) {
        TURN_UNTIL(world, is_readable(fd));
        ssize_t count = client_receive_some(fd, rest, length);
        CHECK(count >= 0 || errno == ECONNRESET);
        if (count <= 0)
            return 0;
        rest += count;
        length -= (size_t)count;
    }
    return 1;
}

/* A peer that is open, with its OPEN event recorded. */
static inline int world_open(struct world *world, int port, const char *path) {
    char head[8192];
    int fd = client_connect(port);
    client_send_upgrade(fd, path, "");
    TURN_UNTIL(world, is_readable(fd));
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    return fd;
}

#endif
