/* With several loops a broadcast reaches the members on each of them, once.
 * Variants: 1 2 4 */
#include "client.h"
#include "world.h"

enum { members = 16 };

int main(int count, char **arguments) {
    char settings[32];
    int clients[members];
    CHECK(count == 2);
    snprintf(settings, sizeof settings, "threads=%s", arguments[1]);
    struct world *world = world_new(settings);
    world_route(world, "/room/{room}", "join=auto,relay=all");
    int port = world_start(world);
    for (int i = 0; i < members; i++)
        clients[i] = client_open(port, "/room/all");
    world_wait(world, HEARTH_EVENT_JOINED, members);
    CHECK_NUMBER(hearth_room_members(world->server, "all", NULL, 0), members);

    client_send_text(clients[0], "from a member");
    for (int i = 0; i < members; i++)
        client_expect_text(clients[i], "from a member");
    CHECK_NUMBER(hearth_room_broadcast(world->server, "all", HEARTH_TEXT, "from the host", 13, NULL),
                 members);
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "to everyone", 11, NULL), members);
    for (int i = 0; i < members; i++) {
        client_expect_text(clients[i], "from the host");
        client_expect_text(clients[i], "to everyone");
        client_close(clients[i], 1000);
    }
    world_wait(world, HEARTH_EVENT_CLOSE, members);
    CHECK_NUMBER(hearth_server_connection_count(world->server), 0);
    CHECK_NUMBER(hearth_server_room_count(world->server), 0);
    world_free(world);
    return 0;
}
