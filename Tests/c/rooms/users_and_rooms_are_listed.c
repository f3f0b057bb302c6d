/* Who is connected, whose connection it is and who is in which room can be asked at any time, and a user
 * joins with the first connection and leaves with the last. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, hearth_event_capture(event, "user"), NULL),
                     HEARTH_OK);
}

static void expect_list(int64_t length, const char *list, const char *text, size_t text_length) {
    CHECK_NUMBER(length, text_length);
    CHECK(memcmp(list, text, text_length) == 0);
}

#define EXPECT_LIST(length, list, text) expect_list(length, list, text, sizeof(text) - 1)

int main(void) {
    struct world *world = world_new("");
    hearth_connection ids[4];
    char text[64];
    world->on_event = on_event;
    world_route(world, "/{user}", "accept=ask,join=hall");
    int port = world_start(world);
    int ann = client_open(port, "/ann"), ann_too = client_open(port, "/ann"), bob = client_open(port, "/bob");
    world_wait(world, HEARTH_EVENT_JOINED, 3);
    world_wait(world, HEARTH_EVENT_USER_JOINED, 2);
    hearth_connection first = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_server_connection_count(world->server), 3);
    CHECK_NUMBER(hearth_server_user_count(world->server), 2);
    CHECK_NUMBER(hearth_server_room_count(world->server), 1);
    CHECK_NUMBER(hearth_server_connections(world->server, ids, 4), 3);
    CHECK_NUMBER(hearth_user_connections(world->server, "ann", ids, 1), 2);
    CHECK_NUMBER(hearth_user_connections(world->server, "eve", ids, 4), 0);
    CHECK_NUMBER(hearth_room_members(world->server, "hall", ids, 4), 3);
    CHECK_NUMBER(hearth_room_members(world->server, "none", ids, 4), 0);
    EXPECT_LIST(hearth_server_rooms(world->server, text, sizeof text), text, "hall\0");
    EXPECT_LIST(hearth_room_users(world->server, "hall", text, sizeof text), text, "ann\0bob\0");
    CHECK_NUMBER(hearth_connection_user(first, text, sizeof text), 3);
    CHECK_TEXT(text, "ann");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_JOINED), 2);

    CHECK_NUMBER(hearth_connection_join(first, "yard"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_join(first, "yard"), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_JOINED, 4);
    CHECK_NUMBER(hearth_connection_rooms(first, NULL, 0), 10);
    CHECK_NUMBER(hearth_room_broadcast(world->server, "yard", HEARTH_TEXT, "yard", 4, NULL), 1);
    client_expect_text(ann, "yard");
    CHECK_NUMBER(hearth_user_send(world->server, "ann", HEARTH_TEXT, "ann", 3, NULL), 2);
    client_expect_text(ann, "ann");
    client_expect_text(ann_too, "ann");
    CHECK_NUMBER(hearth_connection_leave(first, "yard"), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_USER_LEFT, 1);
    CHECK_NUMBER(hearth_server_room_count(world->server), 1);

    size_t left = world_count(world, HEARTH_EVENT_USER_LEFT);
    client_close(ann, 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_LEFT), left);
    client_close(ann_too, 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, 2);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_LEFT), left + 1);
    CHECK_NUMBER(hearth_user_connections(world->server, "ann", ids, 4), 0);
    EXPECT_LIST(hearth_room_users(world->server, "hall", text, sizeof text), text, "bob\0");
    client_close(bob, 1000);
    world_free(world);
    return 0;
}
