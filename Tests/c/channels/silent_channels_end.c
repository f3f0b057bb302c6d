/* With liveness=on a connection of a channel of which nothing is heard ends as a peer that answers no ping;
 * messages and signs of life keep it. Without, the host alone knows. */
#include "driven.h"

static hearth_connection join(struct world *world, const char *channel) {
    hearth_connection connection;
    hearth_channel_peer peer = {.size = sizeof peer, .path = "/"};
    CHECK_NUMBER(hearth_server_connect_channel(world->server, channel, &peer, &connection), HEARTH_OK);
    return connection;
}

static void carry(void *context, const hearth_event *event) {
    (void)context;
    CHECK(event->type == HEARTH_EVENT_CLOSE);
}

int main(void) {
    struct world *world = world_new("ping_interval=100ms ping_timeout=100ms");
    CHECK_NUMBER(hearth_server_channel(world->server, "watched", "liveness=on", carry, NULL, NULL),
                 HEARTH_OK);
    CHECK_NUMBER(hearth_server_channel(world->server, "trusted", NULL, NULL, NULL, NULL), HEARTH_OK);
    world_drive(world);
    hearth_connection silent = join(world, "watched"), alive = join(world, "watched"),
                      talking = join(world, "watched"), trusted = join(world, "trusted");
    while (world_count(world, HEARTH_EVENT_CLOSE) == 0) {
        CHECK_NUMBER(hearth_channel_alive(alive), HEARTH_OK);
        CHECK_NUMBER(hearth_channel_receive(talking, HEARTH_TEXT, "", 0), HEARTH_OK);
        world_turn(world);
    }
    struct record *closed = world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(closed->code, 1011);
    CHECK(closed->connection == silent);
    world_turn_until(world, HEARTH_EVENT_CLOSE, 3);
    CHECK_NUMBER(hearth_channel_alive(alive), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_channel_alive(trusted), HEARTH_OK);
    CHECK_NUMBER(hearth_server_connection_count(world->server), 1);
    world_free(world);
    return 0;
}
