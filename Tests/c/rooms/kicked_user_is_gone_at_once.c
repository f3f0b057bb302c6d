/* A user who is kicked leaves the rooms at once, with all connections, whatever the time of grace; each is
 * closed with the code, and nobody else notices.
 * Variants: one_thread four_threads */
#include "client.h"
#include "world.h"

static void accept_by_path(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, event->path + 1, NULL);
}

int main(int count, char **arguments) {
    int is_single = count > 1 && strcmp(arguments[1], "one_thread") == 0;
    struct world *world = world_new(is_single ? "presence_grace=1h" : "presence_grace=1h threads=4");
    int ann[5];
    world->on_event = accept_by_path;
    world_route(world, "/{name}", "join=hall,accept=ask");
    int port = world_start(world);
    for (int i = 0; i < 5; i++)
        ann[i] = client_open(port, "/ann");
    int ben = client_open(port, "/ben");
    world_wait(world, HEARTH_EVENT_JOINED, 6);
    CHECK_NUMBER(hearth_user_kick(world->server, "nobody", 0, NULL), 0);
    CHECK_NUMBER(hearth_user_kick(world->server, "ann", 1005, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_user_kick(world->server, NULL, 0, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_user_kick(world->server, "ann", 0, "enough"), 5);
    struct record *left = world_wait(world, HEARTH_EVENT_USER_LEFT, 1);
    CHECK_TEXT(left->user, "ann");
    for (int i = 0; i < 5; i++) {
        client_expect_close(ann[i], 4505);
        client_send_close(ann[i], 4505);
        client_expect_end(ann[i]);
    }
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 5)->code, 4505);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_LEFT), 1);
    CHECK_NUMBER(hearth_room_members(world->server, "hall", NULL, 0), 1);
    CHECK_NUMBER(hearth_room_broadcast(world->server, "hall", HEARTH_TEXT, "still here", 10, NULL), 1);
    client_expect_text(ben, "still here");
    CHECK_NUMBER(hearth_user_kick(world->server, "ben", 4000, NULL), 1);
    client_expect_close(ben, 4000);
    close(ben);
    world_free(world);
    return 0;
}
