/* A user whose last connection is lost is in its rooms for presence_grace: of who comes back before nobody is
 * told, who does not leaves then, as an event of no connection. Leaving a room is at once. */
#include "client.h"
#include "world.h"

static void accept_ann(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, event->path + 1, NULL);
}

static uint32_t connections_of_first_user(struct world *world, uint64_t *version) {
    uint64_t buffer[64];
    int64_t length = hearth_room_presence(world->server, "hall", version, buffer, sizeof buffer);
    CHECK(length > 0 && (size_t)length <= sizeof buffer);
    return ((hearth_presence *)buffer)->connection_count;
}

static void loses_nobody_who_returns(void) {
    struct world *world = world_new("presence_grace=1h");
    uint64_t version = 0;
    world->on_event = accept_ann;
    world_route(world, "/{name}", "join=hall,accept=ask");
    int port = world_start(world);
    for (size_t i = 1; i <= 5; i++) {
        int fd = client_open(port, "/ann");
        world_wait(world, HEARTH_EVENT_JOINED, i);
        CHECK_NUMBER(connections_of_first_user(world, &version), 1);
        client_cut(fd);
        world_wait(world, HEARTH_EVENT_CLOSE, i);
        CHECK_NUMBER(connections_of_first_user(world, &version), 0);
    }
    CHECK_NUMBER(version, 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_JOINED), 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_LEFT), 0);
    CHECK_NUMBER(hearth_server_user_count(world->server), 0);
    /* With the server everybody leaves. */
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1);
    struct record *left = world_wait(world, HEARTH_EVENT_USER_LEFT, 1);
    CHECK_NUMBER(left->connection, 0);
    CHECK_NUMBER(left->version, 2);
    CHECK_TEXT(left->user, "ann");
    world_free(world);
}

static void tells_of_those_who_do_not(void) {
    struct world *world = world_new("presence_grace=20ms");
    world->on_event = accept_ann;
    world_route(world, "/{name}", "join=hall,accept=ask");
    int port = world_start(world);
    client_cut(client_open(port, "/ann"));
    client_cut(client_open(port, "/ben"));
    world_wait(world, HEARTH_EVENT_USER_LEFT, 2);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_JOINED), 2);
    CHECK_NUMBER(hearth_room_presence(world->server, "hall", NULL, NULL, 0), 0);
    world_free(world);
}

static void leaving_is_no_loss(void) {
    struct world *world = world_new("presence_grace=1h");
    world->on_event = accept_ann;
    world_route(world, "/{name}", "join=hall,accept=ask");
    int fd = client_open(world_start(world), "/ann");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_USER_JOINED, 1)->connection;
    CHECK_NUMBER(hearth_connection_leave(connection, "hall"), HEARTH_OK);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_USER_LEFT, 1)->connection == connection, 1);
    client_close(fd, 1000);
    world_free(world);
}

static void is_bounded(void) {
    struct world *world = world_new("presence_grace=1h max_presence_grace_users=2");
    world->on_event = accept_ann;
    world_route(world, "/{name}", "join=hall,accept=ask");
    int port = world_start(world);
    const char *const paths[] = {"/ann", "/ben", "/cem"};
    for (size_t i = 0; i < 3; i++) {
        client_cut(client_open(port, paths[i]));
        world_wait(world, HEARTH_EVENT_CLOSE, i + 1);
    }
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_USER_LEFT, 1)->user, "cem");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_LEFT), 1);
    world_free(world);
}

int main(void) {
    loses_nobody_who_returns();
    tells_of_those_who_do_not();
    leaving_is_no_loss();
    is_bounded();
    return 0;
}
