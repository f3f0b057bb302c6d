/* When a connection gets another user, its rooms see the old one leave and the new one join. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    char text[16];
    world_route(world, "/", "join=hall");
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_JOINED, 1)->connection;
    CHECK_NUMBER(hearth_connection_user(connection, text, sizeof text), 0);
    CHECK_NUMBER(hearth_connection_set_user(connection, "ann"), HEARTH_OK);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_USER_JOINED, 1)->user, "ann");
    CHECK_NUMBER(hearth_connection_set_user(connection, "bob"), HEARTH_OK);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_USER_LEFT, 1)->user, "ann");
    struct record *joined = world_wait(world, HEARTH_EVENT_USER_JOINED, 2);
    CHECK_TEXT(joined->user, "bob");
    CHECK_TEXT(joined->room, "hall");
    CHECK_NUMBER(hearth_connection_set_user(connection, NULL), HEARTH_OK);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_USER_LEFT, 2)->user, "bob");
    CHECK_NUMBER(hearth_server_user_count(world->server), 0);
    client_close(fd, 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_USER_LEFT), 2);
    world_free(world);
    return 0;
}
