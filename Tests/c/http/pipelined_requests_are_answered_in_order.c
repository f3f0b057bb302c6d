/* Requests that arrive together are answered in their order, and an upgrade may follow on the same
 * connection. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_HTTP_REQUEST)
        CHECK_NUMBER(hearth_http_respond(event->connection, 200, NULL, event->path, strlen(event->path)),
                     HEARTH_OK);
    if (event->type == HEARTH_EVENT_MESSAGE)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = on_event;
    world_route(world, "/page/{number}", "http=GET");
    world_route(world, "/ws", "");
    int fd = client_connect(world_start(world));
    CHECK_TEXT(http_ask(fd,
                        "GET /page/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /page/2 HTTP/1.1\r\nHost: a\r\n\r\n"
                        "GET /page/3 HTTP/1.1\r\nHost: a\r\n\r\n",
                        1)
                   ->body,
               "/page/1");
    CHECK_TEXT(http_ask(fd, "", 1)->body, "/page/2");
    CHECK_TEXT(http_ask(fd, "", 1)->body, "/page/3");
    client_open_on(fd, "/ws");
    client_send_text(fd, "upgraded");
    client_expect_text(fd, "upgraded");
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
