/* A message that is not whole after message_timeout is closed with 1008, whatever comes of it meanwhile;
 * pings and whole messages do not count for it. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("message_timeout=300ms ping_interval=0");
    world->on_event = echo;
    int port = world_start(world);
    int dripping = client_open(port, "/"), fragmented = client_open(port, "/");
    int honest = client_open(port, "/");

    /* A text of 100 bytes, of which one comes every 20 ms. */
    CHECK(send(dripping, "\x81\xE4\0\0\0\0", 6, MSG_NOSIGNAL) == 6);
    client_send_frame(fragmented, 0x01, "a", 1);
    for (int i = 0; i < 60; i++) {
        struct timespec pause = {0, 20 * 1000 * 1000};
        nanosleep(&pause, NULL);
        (void)!send(dripping, "a", 1, MSG_NOSIGNAL);
        client_send_text(honest, "whole");
        client_expect_text(honest, "whole");
        if (world_count(world, HEARTH_EVENT_CLOSE) == 2)
            break;
    }
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 1008);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 2)->code, 1008);
    client_expect_close(dripping, 1008);
    client_expect_close(fragmented, 1008);

    /* One that takes its time, but less, is followed by another. */
    for (int i = 0; i < 3; i++) {
        client_send_frame(honest, 0x01, "a", 1);
        client_send_frame(honest, 0x80, "b", 1);
        client_expect_text(honest, "ab");
    }
    client_close(honest, 1000);
    world_free(world);
    return 0;
}
