/* The subprotocol is the first of the route's that the peer offers, or the one the host names. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT) {
        CHECK(event->data_length == 4 && memcmp(event->data, "a\0b\0", 4) == 0);
        CHECK_NUMBER(hearth_connection_accept(event->connection, NULL, "c"), HEARTH_ERR_INVALID);
        CHECK_NUMBER(hearth_connection_accept(event->connection, NULL, "b"), HEARTH_OK);
    }
}

static void expect_subprotocol(int port, const char *path, const char *fields, const char *line) {
    char head[8192];
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, path, fields, head, sizeof head), 101);
    if (line)
        CHECK(strcasestr(head, line));
    else
        CHECK(!strcasestr(head, "sec-websocket-protocol"));
    client_close(fd, 1000);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = on_event;
    world_route(world, "/route", "subprotocols=b|a");
    world_route(world, "/ask", "accept=ask");
    int port = world_start(world);
    expect_subprotocol(port, "/route", "Sec-WebSocket-Protocol: a, b\r\n",
                       "\r\nsec-websocket-protocol: b\r\n");
    expect_subprotocol(port, "/route", "Sec-WebSocket-Protocol: x, a\r\n",
                       "\r\nsec-websocket-protocol: a\r\n");
    expect_subprotocol(port, "/route", "Sec-WebSocket-Protocol: x\r\n", NULL);
    expect_subprotocol(port, "/route", "", NULL);
    expect_subprotocol(port, "/ask", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n",
                       "\r\nsec-websocket-protocol: b\r\n");
    world_free(world);
    return 0;
}
