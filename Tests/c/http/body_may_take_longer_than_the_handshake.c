/* A body has http_timeout to arrive, not handshake_timeout, also if it begins in the packet of its head. */
#include "driven.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_HTTP_REQUEST)
        CHECK_NUMBER(hearth_http_respond(event->connection, 200, NULL, event->data, event->data_length),
                     HEARTH_OK);
}

int main(void) {
    struct world *world = world_new("handshake_timeout=200ms http_timeout=100s");
    world->on_event = on_event;
    world_route(world, "/page", "http=POST");
    int fd = client_connect(world_drive(world));
    client_write_text(fd, "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    for (int i = 0; i < 8; i++) {
        usleep(100000);
        world_turn(world);
    }
    CHECK(!is_readable(fd));
    client_write_text(fd, "67890");
    TURN_UNTIL(world, is_readable(fd));
    struct http_response *response = http_ask(fd, "", 1);
    CHECK_NUMBER(response->status, 200);
    CHECK_TEXT(response->body, "1234567890");
    close(fd);
    world_free(world);
    return 0;
}
