/* A connection keeps bytes and a pointer of the host's. */
#include "client.h"
#include "world.h"

static int mine;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN)
        CHECK_NUMBER(hearth_connection_set_context(event->connection, &mine), HEARTH_OK);
}

int main(void) {
    struct world *world = world_new("max_metadata=100");
    char data[101] = "a\0b", copy[101];
    world->on_event = on_event;
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_connection_metadata(connection, copy, sizeof copy), 0);
    CHECK_NUMBER(hearth_connection_set_metadata(connection, data, 100), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_set_metadata(connection, data, 101), HEARTH_ERR_TOO_LARGE);
    CHECK_NUMBER(hearth_connection_metadata(connection, NULL, 0), 100);
    CHECK_NUMBER(hearth_connection_metadata(connection, copy, sizeof copy), 100);
    CHECK(memcmp(copy, data, 100) == 0);
    CHECK_NUMBER(hearth_connection_set_metadata(connection, NULL, 0), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_metadata(connection, copy, sizeof copy), 0);
    client_send_text(fd, "carries it");
    CHECK(world_wait(world, HEARTH_EVENT_MESSAGE, 1)->connection_context == &mine);
    client_close(fd, 1000);
    CHECK(world_wait(world, HEARTH_EVENT_CLOSE, 1)->connection_context == &mine);
    world_free(world);
    return 0;
}
