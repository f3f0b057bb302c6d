/* A callback that joins or leaves rooms while a change is being told leaves the host with the truth: who
 * joined and who left a room agree, in number and in order, with who is in it.
 * Variants: leaves_in_joined leaves_in_user_left joins_in_left */
#include "driven.h"

static const char *variant;
static int is_done;

static void open_with_rooms(hearth_connection connection) {
    CHECK_NUMBER(hearth_connection_set_user(connection, "old"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_join(connection, "yard"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_join(connection, "hall"), HEARTH_OK);
}

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN)
        open_with_rooms(event->connection);
    if (is_done)
        return;
    if (strcmp(variant, "leaves_in_joined") == 0 && event->type == HEARTH_EVENT_JOINED) {
        is_done = strcmp(event->room, "hall") == 0;
        CHECK_NUMBER(hearth_connection_leave(event->connection, event->room), HEARTH_OK);
    } else if (strcmp(variant, "leaves_in_user_left") == 0 && event->type == HEARTH_EVENT_USER_LEFT) {
        is_done = 1;
        CHECK_NUMBER(hearth_connection_leave(event->connection, "yard"), HEARTH_OK);
        CHECK_NUMBER(hearth_connection_leave(event->connection, "hall"), HEARTH_OK);
    } else if (strcmp(variant, "joins_in_left") == 0 && event->type == HEARTH_EVENT_LEFT) {
        is_done = 1;
        CHECK_NUMBER(hearth_connection_join(event->connection, event->room), HEARTH_OK);
    }
}

/* What the events say of a room: 1 if the last word is that it was entered. They must alternate. */
static int told(struct world *world, const char *room, const char *user, uint32_t joined, uint32_t left) {
    int is_in = 0;
    for (size_t i = 0; i < world->count; i++) {
        struct record *record = &world->records[i];
        if (strcmp(record->room, room) != 0 || (user && strcmp(record->user, user) != 0))
            continue;
        if (record->type == joined || record->type == left) {
            CHECK_NUMBER(is_in, record->type == left);
            is_in = record->type == joined;
        }
    }
    return is_in;
}

static void check_room(struct world *world, hearth_connection connection, const char *room,
                       const char *user) {
    char text[64] = "", rooms[64] = "";
    int64_t length = hearth_connection_rooms(connection, rooms, sizeof rooms);
    int is_in = 0;
    for (const char *name = rooms; name < rooms + length; name += strlen(name) + 1)
        is_in |= strcmp(name, room) == 0;
    CHECK_NUMBER(told(world, room, NULL, HEARTH_EVENT_JOINED, HEARTH_EVENT_LEFT), is_in);
    for (int i = 0; i < 2; i++) {
        const char *one = i == 0 ? "old" : "new";
        int should_be_in = is_in && strcmp(one, user) == 0;
        CHECK_NUMBER(told(world, room, one, HEARTH_EVENT_USER_JOINED, HEARTH_EVENT_USER_LEFT), should_be_in);
    }
    CHECK_NUMBER(hearth_room_users(world->server, room, text, sizeof text), is_in ? 4 : 0);
    CHECK_TEXT(text, is_in ? user : "");
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    struct world *world = world_new("");
    world->on_event = on_event;
    int fd = world_open(world, world_drive(world), "/");
    hearth_connection connection = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    const char *user = "old";
    if (strcmp(variant, "leaves_in_user_left") == 0) {
        user = "new";
        CHECK_NUMBER(hearth_connection_set_user(connection, user), HEARTH_OK);
    } else if (strcmp(variant, "joins_in_left") == 0) {
        CHECK_NUMBER(hearth_connection_leave(connection, "yard"), HEARTH_OK);
    }
    CHECK(is_done);
    check_room(world, connection, "yard", user);
    check_room(world, connection, "hall", user);
    hearth_connection_join(connection, "yard");
    check_room(world, connection, "yard", user);
    client_cut(fd);
    world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(told(world, "yard", user, HEARTH_EVENT_USER_JOINED, HEARTH_EVENT_USER_LEFT), 0);
    CHECK_NUMBER(hearth_server_user_count(world->server), 0);
    world_free(world);
    return 0;
}
