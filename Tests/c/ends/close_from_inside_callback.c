/* A connection that is closed in its own message event takes what was sent before, then the close, and one
 * CLOSE event comes. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    CHECK_NUMBER(hearth_connection_send(event->connection, HEARTH_TEXT, "last", 4), 1);
    CHECK_NUMBER(hearth_connection_close(event->connection, 4321, "enough"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_send(event->connection, HEARTH_TEXT, "late", 4), HEARTH_ERR_GONE);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = on_event;
    int fd = client_open(world_start(world), "/");
    client_send_text(fd, "one");
    client_expect_text(fd, "last");
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE);
    CHECK_TEXT((char *)frame->data + 2, "enough");
    client_send_close(fd, 4321);
    client_expect_end(fd);
    struct record *close = world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(close->code, 4321);
    CHECK_NUMBER(close->flags, HEARTH_EVENT_CLEAN);
    world_free(world);
    return 0;
}
