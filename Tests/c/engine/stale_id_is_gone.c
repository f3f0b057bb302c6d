/* The id of a connection that ended answers HEARTH_ERR_GONE for ever and is not given out again. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    int port = world_start(world);
    client_close(client_open(port, "/"), 1000);
    hearth_connection gone = world_wait(world, HEARTH_EVENT_CLOSE, 1)->connection;
    for (size_t i = 2; i <= 100; i++) {
        client_close(client_open(port, "/"), 1000);
        CHECK(world_wait(world, HEARTH_EVENT_CLOSE, i)->connection != gone);
    }
    int fd = client_open(port, "/");
    CHECK(world_wait(world, HEARTH_EVENT_OPEN, 101)->connection != gone);
    CHECK_NUMBER(hearth_connection_send(gone, HEARTH_TEXT, "a", 1), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_close(gone, 1000, NULL), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_join(gone, "room"), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_metadata(gone, NULL, 0), HEARTH_ERR_GONE);
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
