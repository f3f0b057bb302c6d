/* Relays include or leave out the sender, event=on adds the event, and a broadcast can leave out a connection
 * or a user. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    hearth_except except = {.size = sizeof except};
    world_route(world, "/all/{room}", "join=auto,relay=all");
    world_route(world, "/others/{room}", "join=auto,relay=others,event=on");
    int port = world_start(world);
    int a = client_open(port, "/all/one"), b = client_open(port, "/all/one");
    int c = client_open(port, "/others/two"), d = client_open(port, "/others/two");
    world_wait(world, HEARTH_EVENT_JOINED, 4);
    client_send_text(a, "to both");
    client_expect_text(a, "to both");
    client_expect_text(b, "to both");
    client_send_text(c, "to the other");
    client_expect_text(d, "to the other");
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_MESSAGE, 1)->data, "to the other");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 1);

    except.connection = world_wait(world, HEARTH_EVENT_MESSAGE, 1)->connection;
    CHECK_NUMBER(hearth_room_broadcast(world->server, "two", HEARTH_TEXT, "not c", 5, &except), 1);
    client_expect_text(d, "not c");
    CHECK_NUMBER(hearth_connection_set_user(except.connection, "carl"), HEARTH_OK);
    except.connection = 0;
    except.user = "carl";
    world_wait(world, HEARTH_EVENT_USER_JOINED, 1);
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_BINARY, "not carl", 8, &except), 3);
    except.flags = 2;
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_BINARY, "x", 1, &except), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "\xFF", 1, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_broadcast(world->server, 3, "x", 1, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_room_broadcast(world->server, "none", HEARTH_TEXT, "x", 1, NULL), 0);
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "end", 3, NULL), 4);
    client_expect_text(c, "end");
    CHECK_TEXT((client_receive(d), (char *)client_receive(d)->data), "end");
    close(a);
    close(b);
    close(c);
    close(d);
    world_free(world);
    return 0;
}
