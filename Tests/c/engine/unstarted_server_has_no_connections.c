/* A server that was made while the engine runs, and not started, is asked and sent to without harm, also on
 * the loop's thread. */
#include "client.h"
#include "world.h"

static void ask(struct world *world, const hearth_event *event) {
    hearth_server *other = world->extra;
    uint64_t cursor = 0;
    char names[16];
    if (event->type != HEARTH_EVENT_OPEN)
        return;
    CHECK_NUMBER(hearth_user_send(other, "ann", HEARTH_TEXT, "x", 1, NULL), 0);
    CHECK_NUMBER(hearth_room_broadcast(other, "hall", HEARTH_TEXT, "x", 1, NULL), 0);
    CHECK_NUMBER(hearth_server_broadcast(other, HEARTH_TEXT, "x", 1, NULL), 0);
    CHECK_NUMBER(hearth_user_kick(other, "ann", 0, NULL), 0);
    CHECK_NUMBER(hearth_user_set_presence(other, "ann", "x", 1), HEARTH_ERR_NOT_FOUND);
    CHECK_NUMBER(hearth_room_presence(other, "hall", NULL, NULL, 0), 0);
    CHECK_NUMBER(hearth_server_list_rooms(other, &cursor, names, sizeof names), 0);
    CHECK_NUMBER(hearth_server_drain(other, NULL), HEARTH_ERR_STATE);
    CHECK_NUMBER(hearth_server_connection_count(other), 0);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = ask;
    int port = world_start(world);
    world->extra = hearth_server_new(world->engine, world->config);
    CHECK(world->extra);
    int fd = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 1);
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
