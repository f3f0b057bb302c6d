/* What is shown with a user comes with its joining, and a change of it is told to each of its rooms, whoever
 * calls. */
#include "client.h"
#include "world.h"

static void show_at_open(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, "ann", NULL);
    if (event->type == HEARTH_EVENT_OPEN)
        CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "here", 4), HEARTH_OK);
}

static void snapshot_has(struct world *world, const char *room, const char *data) {
    uint64_t buffer[64];
    char text[16] = "";
    int64_t length = hearth_room_presence(world->server, room, NULL, buffer, sizeof buffer);
    CHECK(length > 0 && (size_t)length <= sizeof buffer);
    hearth_presence *entry = (hearth_presence *)buffer;
    CHECK_NUMBER(entry->size, length);
    CHECK_NUMBER(entry->connection_count, 1);
    CHECK_NUMBER(entry->user_length, 3);
    const char *user = (const char *)entry + entry->head_size + sizeof(hearth_connection);
    CHECK_TEXT(user, "ann");
    memcpy(text, user + 4, entry->data_length);
    CHECK_TEXT(text, data);
    CHECK_NUMBER(hearth_room_presence(world->server, room, NULL, buffer, (size_t)length - 1), length);
}

int main(void) {
    struct world *world = world_new("max_metadata=4");
    world->on_event = show_at_open;
    world_route(world, "/", "join=hall,accept=ask");
    int port = world_start(world);
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "x", 1), HEARTH_ERR_NOT_FOUND);
    int fd = client_open(port, "/");
    struct record *joined = world_wait(world, HEARTH_EVENT_USER_JOINED, 1);
    CHECK_TEXT(joined->data, "here");
    CHECK_NUMBER(joined->version, 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_PRESENCE_UPDATED), 0);
    CHECK_NUMBER(hearth_connection_join(joined->connection, "attic"), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_USER_JOINED, 2);
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "away", 4), HEARTH_OK);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_PRESENCE_UPDATED, 1)->data, "away");
    struct record *second = world_wait(world, HEARTH_EVENT_PRESENCE_UPDATED, 2);
    CHECK_TEXT(second->user, "ann");
    CHECK_NUMBER(second->connection, 0);
    snapshot_has(world, "hall", "away");
    snapshot_has(world, "attic", "away");
    /* The same again is no change. */
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "away", 4), HEARTH_OK);
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "", 0), HEARTH_OK);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_PRESENCE_UPDATED, 4)->data_length, 0);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_PRESENCE_UPDATED), 4);
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "12345", 5), HEARTH_ERR_TOO_LARGE);
    CHECK_NUMBER(hearth_user_set_presence(world->server, NULL, "1", 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", NULL, 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_user_set_presence(NULL, "ann", "1", 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_room_presence(world->server, NULL, NULL, NULL, 0), HEARTH_ERR_INVALID);
    client_close(fd, 1000);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_USER_LEFT, 2)->data_length, 0);
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "x", 1), HEARTH_ERR_NOT_FOUND);
    world_free(world);
    return 0;
}
