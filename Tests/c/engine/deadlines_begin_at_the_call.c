/* A driven engine that was idle for longer than a timeout counts the timeout from the call, not from its last
 * turn.
 * Variants: close stop */
#include "driven.h"

int main(int count, char **arguments) {
    CHECK(count == 2);
    int closes = strcmp(arguments[1], "close") == 0;
    struct world *world = world_new("ping_interval=0 close_timeout=1s shutdown_timeout=1s");
    int fd = world_open(world, world_drive(world), "/");
    hearth_connection connection = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    usleep(1300000);
    if (closes)
        CHECK_NUMBER(hearth_connection_close(connection, 4000, "bye"), HEARTH_OK);
    else
        CHECK_NUMBER(hearth_server_stop(world->server, "bye"), HEARTH_OK);
    TURN_UNTIL(world, is_readable(fd));
    world_turn(world);
    client_expect_close(fd, closes ? 4000 : 1001);
    client_send_close(fd, closes ? 4000 : 1001);
    struct record *record = world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(record->code, closes ? 4000 : 1001);
    CHECK(record->flags & HEARTH_EVENT_CLEAN);
    if (!closes)
        CHECK_NUMBER(world_turn_until(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 0);
    close(fd);
    world_free(world);
    return 0;
}
