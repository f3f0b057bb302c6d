/* A peer that resets its connection ends, however much of what it sent is still unread, and without pings. */
#include "driven.h"

enum { messages = 200, message_bytes = 4000 };

int main(void) {
    static char message[message_bytes];
    struct world *world = world_new("ping_interval=0");
    int port = world_drive(world);
    int fd = world_open(world, port, "/");
    for (int i = 0; i < messages; i++)
        client_send_frame(fd, 0x82, message, sizeof message);
    client_cut(fd);
    CHECK_NUMBER(world_turn_until(world, HEARTH_EVENT_CLOSE, 1)->code, 1006);
    CHECK_NUMBER(hearth_server_connection_count(world->server), 0);
    world_free(world);
    return 0;
}
