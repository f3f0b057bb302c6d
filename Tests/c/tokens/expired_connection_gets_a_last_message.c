/* EXPIRED comes before the close: a host that polls can still send, or give the connection a new end. The
 * close does not speak of a token where there is none. */
#include "client.h"
#include "world.h"

static hearth_event event_of(hearth_engine *engine, uint32_t type) {
    hearth_event event;
    for (;;) {
        CHECK_NUMBER(hearth_engine_poll(engine, &event, sizeof event, 1, 10000), 1);
        if (event.type == type)
            return event;
    }
}

static int open_with_expiry(struct world *world, int port, hearth_connection *connection) {
    char head[8192];
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/", "", head, sizeof head), 101);
    *connection = event_of(world->engine, HEARTH_EVENT_OPEN).connection;
    CHECK_NUMBER(hearth_connection_set_expiry(*connection, 1), HEARTH_OK);
    CHECK(event_of(world->engine, HEARTH_EVENT_EXPIRED).connection == *connection);
    return fd;
}

static void expect_end(int fd) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE);
    CHECK_NUMBER((frame->data[0] & 0xFF) << 8 | (frame->data[1] & 0xFF), 4106);
    CHECK_TEXT((char *)frame->data + 2, "the session has expired");
    client_send_close(fd, 4106);
    client_expect_end(fd);
}

int main(void) {
    struct world *world = world_new("ping_interval=0 expiry_grace=3s");
    hearth_connection connection;
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int port = hearth_server_port(world->server);

    int fd = open_with_expiry(world, port, &connection);
    CHECK(hearth_connection_send(connection, HEARTH_TEXT, "goodbye", 7) >= 0);
    client_expect_text(fd, "goodbye");
    expect_end(fd);
    CHECK_NUMBER(event_of(world->engine, HEARTH_EVENT_CLOSE).code, 4106);

    fd = open_with_expiry(world, port, &connection);
    CHECK_NUMBER(hearth_connection_set_expiry(connection, 0), HEARTH_OK);
    CHECK(hearth_connection_send(connection, HEARTH_TEXT, "stay", 4) >= 0);
    client_expect_text(fd, "stay");
    CHECK_NUMBER(hearth_connection_set_expiry(connection, 1), HEARTH_OK);
    expect_end(fd);
    world_free(world);
    return 0;
}
