/* A peer that does not answer a close frame is cut at close_timeout. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("close_timeout=200ms");
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_connection_close(connection, 1000, NULL), HEARTH_OK);
    client_expect_close(fd, 1000);
    client_expect_end(fd);
    CHECK(!(world_wait(world, HEARTH_EVENT_CLOSE, 1)->flags & HEARTH_EVENT_CLEAN));
    world_free(world);
    return 0;
}
