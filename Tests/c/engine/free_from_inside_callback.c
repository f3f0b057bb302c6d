/* A server may be freed in its own event: its CLOSE events come before the call returns. The engine may not.
 */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_ERR_THREAD);
    CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 2);
    CHECK(hearth_server_connection_count(world->server) < 0);
    CHECK_NUMBER(hearth_connection_send(event->connection, HEARTH_TEXT, "a", 1), HEARTH_ERR_GONE);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = on_event;
    int port = world_start(world);
    int first = client_open(port, "/"), second = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 2);
    client_send_text(second, "free");
    client_expect_end(first);
    client_expect_end(second);
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    world_free(world);
    return 0;
}
