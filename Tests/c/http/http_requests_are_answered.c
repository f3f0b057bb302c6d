/* A request on an HTTP route is an event that the host answers; the connection is kept for the next. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_HTTP_REQUEST)
        return;
    hearth_connection request = event->connection;
    if (strcmp(event->path, "/unanswered") == 0)
        return;
    CHECK_NUMBER(hearth_http_respond(request, 200, "Content-Length: 9\r\n", "a", 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_http_respond(request, 200, "A: b\r\n\r\n", "a", 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_http_respond(request, 99, NULL, "a", 1), HEARTH_ERR_INVALID);
    if (event->data_length > 0)
        CHECK_NUMBER(hearth_http_respond(request, 201, "X-Kind: echo\r\n", event->data, event->data_length),
                     HEARTH_OK);
    else
        CHECK_NUMBER(hearth_http_respond(request, 200, "Content-Type: text/plain\r\n", "fine", 4), HEARTH_OK);
    CHECK(hearth_http_respond(request, 200, NULL, "a", 1) < 0);
}

static void check_answers(int port) {
    int fd = client_connect(port);
    for (int i = 0; i < 3; i++) {
        struct http_response *response = http_ask(fd, "GET /healthz?a=b HTTP/1.1\r\nHost: a\r\n\r\n", 1);
        CHECK_NUMBER(response->status, 200);
        CHECK_TEXT(response->body, "fine");
        CHECK(strcasestr(response->head, "\r\ncontent-type: text/plain\r\n"));
        CHECK(strcasestr(response->head, "\r\ndate: "));
    }
    struct http_response *response = http_ask(fd, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    CHECK_NUMBER(response->status, 200);
    CHECK(strcasestr(response->head, "\r\ncontent-length: 4\r\n"));
    response = http_ask(fd, "POST /data HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 1);
    CHECK_NUMBER(response->status, 201);
    CHECK_TEXT(response->body, "hello");
    CHECK(strcasestr(response->head, "\r\nx-kind: echo\r\n"));
    response = http_ask(fd,
                        "POST /data HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
                        1);
    CHECK_NUMBER(response->status, 201);
    CHECK_TEXT(response->body, "hello");
    response = http_ask(fd, "DELETE /data HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    CHECK_NUMBER(response->status, 405);
    CHECK(strcasestr(response->head, "\r\nallow: "));
    response = http_ask(fd, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    CHECK_NUMBER(response->status, 404);
    response = http_ask(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1);
    CHECK_NUMBER(response->status, 200);
    CHECK(strcasestr(response->head, "\r\nconnection: close\r\n"));
    client_expect_end(fd);
}

static int status_of(int port, const char *request) {
    int fd = client_connect(port);
    int status = http_ask(fd, request, 1)->status;
    close(fd);
    return status;
}

int main(void) {
    struct world *world = world_new("max_body_size=10 http_timeout=300ms");
    world->on_event = on_event;
    world_route(world, "/healthz", "http=GET");
    world_route(world, "/data", "http=POST");
    world_route(world, "/unanswered", "http=GET");
    world_route(world, "/ws", "");
    int port = world_start(world);
    check_answers(port);
    CHECK_NUMBER(status_of(port, "POST /data HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"),
                 201);
    CHECK_NUMBER(status_of(port, "POST /data HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"), 413);
    CHECK_NUMBER(status_of(port, "POST /data HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"),
                 413);
    CHECK_NUMBER(status_of(port, "GET /unanswered HTTP/1.1\r\nHost: a\r\n\r\n"), 503);
    CHECK_NUMBER(status_of(port, "GET /healthz HTTP/1.0\r\n\r\n"), 200);
    world_free(world);
    return 0;
}
