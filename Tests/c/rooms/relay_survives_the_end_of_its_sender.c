/* A sender whose connection breaks while its messages are relayed leaves all its rooms, and nothing of it
 * comes after its CLOSE. */
#include "driven.h"

enum { rooms = 12, messages = 64, message_bytes = 4000, senders = 5 };

static void on_event(struct world *world, const hearth_event *event) {
    char room[16];
    (void)world;
    CHECK(event->connection != 0);
    for (int i = 0; event->type == HEARTH_EVENT_OPEN && i < rooms; i++) {
        snprintf(room, sizeof room, "room%d", i);
        CHECK_NUMBER(hearth_connection_join(event->connection, room), HEARTH_OK);
    }
}

int main(void) {
    static char message[message_bytes];
    struct world *world = world_new("");
    world->on_event = on_event;
    world_route(world, "/", "relay=all,event=on");
    int port = world_drive(world);
    memset(message, 'y', sizeof message);
    for (size_t i = 1; i <= senders; i++) {
        int fd = world_open(world, port, "/");
        for (int j = 0; j < messages; j++)
            client_send_frame(fd, 0x81, message, sizeof message);
        client_cut(fd);
        hearth_connection connection = world_turn_until(world, HEARTH_EVENT_CLOSE, i)->connection;
        CHECK_NUMBER(world_count(world, HEARTH_EVENT_LEFT), i * rooms);
        CHECK(world->records[world->count - 1].type == HEARTH_EVENT_CLOSE);
        CHECK(world->records[world->count - 1].connection == connection);
    }
    CHECK_NUMBER(hearth_server_room_count(world->server), 0);
    world_free(world);
    return 0;
}
