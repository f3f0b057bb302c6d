/* After an engine is freed, the system calls of the thread that made it wait as they did before: nothing
 * that the kernel tidies up later interrupts them.
 * Variants: start drive */
#include "client.h"
#include "driven.h"
#include "world.h"

int main(int count, char **arguments) {
    CHECK(count == 2);
    int is_driven = strcmp(arguments[1], "drive") == 0, ends[2];
    struct timeval limit = {0, 20000};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    for (int round = 0; round < 20; round++) {
        struct world *world = world_new("");
        if (is_driven)
            world_drive(world);
        else
            world_start(world);
        world_free(world);
        char byte;
        errno = 0;
        CHECK(recv(ends[0], &byte, 1, 0) == -1);
        CHECK_NUMBER(errno, EAGAIN);
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}
