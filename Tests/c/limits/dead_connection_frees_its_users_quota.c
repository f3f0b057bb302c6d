/* A user whose connection has vanished without a word is not locked out by it: the newcomer gets its place
 * after user_limit_probe, on one loop and across two.
 * Variants: 1 2 */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, "anna", NULL), HEARTH_OK);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    char settings[200];
    snprintf(settings, sizeof settings, "max_connections_per_user=1 user_limit_probe=200ms threads=%s",
             arguments[1]);
    struct world *world = world_new(settings);
    world_route(world, "/", "accept=ask");
    world->on_event = on_event;
    int port = world_start(world);
    /* Enough rounds that both loops have had ghost and newcomer. The ghosts read and answer nothing. */
    int ghost = client_open(port, "/");
    for (size_t round = 1; round <= 6; round++) {
        struct record *old = world_wait(world, HEARTH_EVENT_OPEN, round);
        int newcomer = client_open(port, "/");
        struct record *closed = world_wait(world, HEARTH_EVENT_CLOSE, round);
        CHECK_NUMBER(closed->code, 4107);
        CHECK(closed->connection == old->connection);
        CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, round + 1)->user, "anna");
        CHECK_NUMBER(hearth_user_connections(world->server, "anna", NULL, 0), 1);
        close(ghost);
        ghost = newcomer;
    }
    world_free(world);
    return 0;
}
