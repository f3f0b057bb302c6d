/* A log callback may do what an event callback may: close the peer it hears of, or free the server.
 * Variants: closes frees */
#include "driven.h"

static struct world *world;
static hearth_connection connection;
static int frees, logged;

static void on_log(void *context, const hearth_log_entry *entry) {
    (void)context;
    CHECK(entry->size >= sizeof *entry);
    if (!connection || logged++ > 0)
        return;
    if (frees)
        CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
    else
        CHECK(hearth_connection_close(connection, 4000, NULL) <= 0);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    frees = strcmp(arguments[1], "frees") == 0;
    world = world_new("log_level=debug");
    CHECK_NUMBER(hearth_engine_on_log(world->engine, on_log, NULL), HEARTH_OK);
    int fd = world_open(world, world_drive(world), "/");
    connection = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    client_send_frame(fd, 0x83, "xx", 2);
    TURN_UNTIL(world, logged > 0);
    CHECK(world_turn_until(world, HEARTH_EVENT_CLOSE, 1)->connection == connection);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 1);
    close(fd);
    connection = 0;
    world_free(world);
    return 0;
}
