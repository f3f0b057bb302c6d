/* A request that is answered in a callback of the very turn in which its time is over is answered. */
#include "driven.h"

static hearth_connection request;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_HTTP_REQUEST && !request)
        request = event->connection;
    else if (event->type == HEARTH_EVENT_HTTP_REQUEST || event->type == HEARTH_EVENT_CLOSE)
        CHECK_NUMBER(hearth_http_respond(event->type == HEARTH_EVENT_CLOSE ? request : event->connection, 200,
                                         NULL, "in time", 7),
                     HEARTH_OK);
}

int main(void) {
    struct world *world = world_new("ping_interval=0 close_timeout=200ms http_timeout=1s");
    world->on_event = on_event;
    world_route(world, "/page", "http=GET");
    world_route(world, "/ws", "");
    int port = world_drive(world);
    int talker = world_open(world, port, "/ws"), fd = client_connect(port);
    hearth_connection connection = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    client_write_text(fd, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
    world_turn_until(world, HEARTH_EVENT_HTTP_REQUEST, 1);
    CHECK_NUMBER(hearth_connection_close(connection, 1000, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_flush(world->engine), HEARTH_OK);
    usleep(1300000);
    world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
    TURN_UNTIL(world, is_readable(fd));
    struct http_response *response = http_ask(fd, "", 1);
    CHECK_NUMBER(response->status, 200);
    CHECK_TEXT(response->body, "in time");
    client_write_text(fd, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
    TURN_UNTIL(world, is_readable(fd));
    CHECK_NUMBER(http_ask(fd, "", 1)->status, 200);
    close(fd);
    close(talker);
    world_free(world);
    return 0;
}
