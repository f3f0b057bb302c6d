/* What one connection costs between two moments at which a loop asks the system who is ready. The library's
 * calls of epoll_wait and of inflate are replaced by these, which count and pass on. */
#ifndef TURNS_H
#define TURNS_H

#include "check.h"
#include <dlfcn.h>
#include <sys/epoll.h>
#include <zlib.h>

enum { TURN_MESSAGES_MAX = 64, TURN_INFLATED_MAX = 256 << 10 };

static long turns, turn_messages, turn_messages_most, turn_inflated, turn_inflated_most, inflated_whole;

int epoll_wait(int set, struct epoll_event *events, int count, int timeout) {
    static int (*original)(int, struct epoll_event *, int, int);
    if (!original)
        original = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    turns++;
    turn_messages = turn_inflated = 0;
    return original(set, events, count, timeout);
}

int inflate(z_stream *stream, int flush) {
    static int (*original)(z_stream *, int);
    if (!original)
        original = (int (*)(z_stream *, int))dlsym(RTLD_NEXT, "inflate");
    unsigned before = stream->avail_out;
    int status = original(stream, flush);
    turn_inflated += before - stream->avail_out;
    inflated_whole += before - stream->avail_out;
    if (turn_inflated > turn_inflated_most)
        turn_inflated_most = turn_inflated;
    return status;
}

/* To be called for each message of the connection that is watched. */
static inline void note_turn_message(void) {
    if (++turn_messages > turn_messages_most)
        turn_messages_most = turn_messages;
}

static inline void check_turns(void) {
    if (turn_messages_most > TURN_MESSAGES_MAX || turn_inflated_most > TURN_INFLATED_MAX)
        fprintf(stderr, "one turn had %ld messages and inflated %ld bytes\n", turn_messages_most,
                turn_inflated_most);
    CHECK(turn_messages_most <= TURN_MESSAGES_MAX);
    CHECK(turn_inflated_most <= TURN_INFLATED_MAX);
}

#endif
