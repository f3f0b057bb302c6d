/* A server that stops refuses a peer that the host accepts too late, ends a connection whose last request has
 * been answered, and waits for neither to close its side.
 * Variants: accepts responds */
#include "driven.h"

int main(int count, char **arguments) {
    char head[8192];
    CHECK(count == 2);
    int accepts = strcmp(arguments[1], "accepts") == 0;
    struct world *world = world_new("shutdown_timeout=100s close_timeout=100s");
    world_route(world, "/ask", "accept=ask");
    world_route(world, "/page", "http=GET");
    int fd = client_connect(world_drive(world));
    uint32_t type = accepts ? HEARTH_EVENT_CONNECT : HEARTH_EVENT_HTTP_REQUEST;
    if (accepts)
        client_send_upgrade(fd, "/ask", "");
    else
        client_write_text(fd, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
    hearth_connection asked = world_turn_until(world, type, 1)->connection;
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
    world_turn(world);
    if (accepts)
        CHECK_NUMBER(hearth_connection_accept(asked, NULL, NULL), HEARTH_ERR_GONE);
    else
        CHECK_NUMBER(hearth_http_respond(asked, 200, NULL, "page", 4), HEARTH_OK);
    CHECK_NUMBER(world_turn_until(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 0);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), accepts ? 503 : 200);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 0);
    close(fd);
    world_free(world);
    return 0;
}
