/* More opening handshakes than the rate of an address are answered 429 with Retry-After, and more than the
 * rate of a user are closed with 4105 and a hint; plain requests do not count. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, event->path + 1, NULL), HEARTH_OK);
}

int main(void) {
    char head[8192];
    struct world *world = world_new("rate_limit_handshakes=3/h");
    int port = world_start(world);
    for (int i = 0; i < 5; i++) {
        int fd = client_connect(port);
        http_ask(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1);
        close(fd);
    }
    for (int i = 0; i < 5; i++) {
        int fd = client_connect(port), status = client_upgrade(fd, "/", "", head, sizeof head);
        CHECK_NUMBER(status, i < 3 ? 101 : 429);
        const char *after = strcasestr(head, "\r\nRetry-After: ");
        CHECK(i < 3 || (after && atoi(after + 15) > 600 && atoi(after + 15) <= 1200));
        close(fd);
    }
    world_free(world);

    world = world_new("rate_limit_handshakes_per_user=1/h");
    world_route(world, "/{user}", "accept=ask");
    world->on_event = on_event;
    port = world_start(world);
    client_open(port, "/anna");
    client_open(port, "/bert");
    int again = client_open(port, "/anna");
    struct client_frame *frame = client_receive(again);
    CHECK(frame && frame->opcode == CLIENT_CLOSE && frame->length > 2);
    CHECK_NUMBER(frame->data[0] << 8 | frame->data[1], 4105);
    CHECK(strncmp((char *)frame->data + 2, "retry=", 6) == 0);
    CHECK(strtol((char *)frame->data + 8, NULL, 10) > 3000000);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 2);
    world_free(world);
    return 0;
}
