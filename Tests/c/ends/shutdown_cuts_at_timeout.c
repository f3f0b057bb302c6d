/* Peers that do not answer the close are cut at shutdown_timeout and counted. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("shutdown_timeout=200ms close_timeout=1h");
    int port = world_start(world);
    int polite = client_open(port, "/"), silent = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 2);
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
    client_expect_close(polite, 1001);
    client_send_close(polite, 1001);
    client_expect_end(polite);
    client_expect_close(silent, 1001);
    client_expect_end(silent);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 2);
    world_free(world);
    return 0;
}
