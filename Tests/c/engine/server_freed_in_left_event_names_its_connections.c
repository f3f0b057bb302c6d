/* A server may be freed in a LEFT event: the events still to come name the connection, and each comes
 * once. */
#include "driven.h"

static void on_event(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_LEFT && world_count(world, HEARTH_EVENT_LEFT) == 0)
        CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
}

int main(void) {
    struct world *world = world_new("");
    size_t ends[2] = {0, 0};
    world->on_event = on_event;
    world_route(world, "/", "join=hall");
    int port = world_drive(world);
    int first = world_open(world, port, "/"), second = world_open(world, port, "/");
    hearth_connection ids[2];
    for (size_t i = 0; i < 2; i++)
        ids[i] = world_turn_until(world, HEARTH_EVENT_OPEN, i + 1)->connection;
    client_send_close(first, 1000);
    world_turn_until(world, HEARTH_EVENT_CLOSE, 2);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_LEFT), 2);
    for (size_t i = 0; i < world->count; i++) {
        struct record *record = &world->records[i];
        CHECK(record->connection == ids[0] || record->connection == ids[1]);
        size_t *end = &ends[record->connection == ids[1]];
        CHECK(*end == 0);
        *end += record->type == HEARTH_EVENT_CLOSE;
    }
    close(first);
    close(second);
    world_free(world);
    return 0;
}
