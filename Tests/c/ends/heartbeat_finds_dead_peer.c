/* A peer that answers no ping is removed; one that answers stays, and its latency is known. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("ping_interval=100ms ping_timeout=400ms");
    hearth_connection_info info = {.size = sizeof info};
    int port = world_start(world), alive = client_open(port, "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_connection_get_info(connection, &info), HEARTH_OK);
    CHECK(info.is_open && info.latency_us >= -1);
    struct client_frame *frame;
    CHECK((frame = client_receive(alive)) && frame->opcode == CLIENT_PING);
    client_send_frame(alive, 0x8A, frame->data, frame->length);
    int dead = client_open(port, "/");
    hearth_connection removed = world_wait(world, HEARTH_EVENT_OPEN, 2)->connection;
    while (world_count(world, HEARTH_EVENT_CLOSE) == 0) {
        CHECK((frame = client_receive(alive)) && frame->opcode == CLIENT_PING);
        client_send_frame(alive, 0x8A, frame->data, frame->length);
    }
    struct record *closed = world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK(closed->connection == removed && !(closed->flags & HEARTH_EVENT_CLEAN));
    client_expect_end(dead);
    CHECK_NUMBER(hearth_connection_get_info(connection, &info), HEARTH_OK);
    CHECK(info.is_open && info.latency_us >= 0);
    client_close(alive, 1000);
    world_free(world);
    return 0;
}
