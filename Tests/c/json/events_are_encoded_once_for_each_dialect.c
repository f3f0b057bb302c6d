/* An event is written into memory as often for forty members of a room as for four: once for each dialect,
 * not once for each member. Counted: copies of its size. */
#include "events.h"
#include <dlfcn.h>

enum { SIZE = 10000, MEMBERS_MAX = 40 };

static long copies;

#define COUNTED(name)                                                                    \
    void *name(void *target, const void *source, size_t length) {                        \
        static void *(*original)(void *, const void *, size_t);                          \
        if (!original)                                                                   \
            original = (void *(*)(void *, const void *, size_t))dlsym(RTLD_NEXT, #name); \
        if (length >= SIZE)                                                              \
            __atomic_fetch_add(&copies, 1, __ATOMIC_RELAXED);                            \
        return original(target, source, length);                                         \
    }

COUNTED(memcpy)
COUNTED(memmove)

static long copies_for(int members) {
    struct world *world = world_new("");
    world_route(world, "/raw", "join=hall");
    world_route(world, "/json", "dialect=json,join=hall");
    int fds[MEMBERS_MAX], port = world_start(world);
    for (int i = 0; i < members; i++) {
        fds[i] = client_open(port, i % 2 ? "/json" : "/raw");
        world_wait(world, HEARTH_EVENT_JOINED, (size_t)i + 1);
    }
    static char data[SIZE];
    memset(data, ' ', SIZE);
    data[0] = '1';
    long before = __atomic_load_n(&copies, __ATOMIC_RELAXED);
    CHECK_NUMBER(hearth_room_send_event(world->server, "hall", "large", data, SIZE, NULL), members);
    for (int i = 0; i < members; i++) {
        struct client_frame *frame = client_receive(fds[i]);
        CHECK(frame && frame->length >= SIZE);
    }
    long made = __atomic_load_n(&copies, __ATOMIC_RELAXED) - before;
    for (int i = 0; i < members; i++)
        close(fds[i]);
    world_free(world);
    return made;
}

int main(void) {
    long few = copies_for(4);
    CHECK(few >= 2);
    CHECK_NUMBER(copies_for(MEMBERS_MAX), few);
    return 0;
}
