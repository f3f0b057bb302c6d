/* An answer of many megabytes arrives whole, however the peer takes it.
 * Variants: after_half_close past_keep_alive past_close_timeout */
#include "client.h"
#include "world.h"

enum { body_bytes = 20 << 20, step_bytes = 1 << 20 };

static char *body;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_HTTP_REQUEST)
        CHECK_NUMBER(hearth_http_respond(event->connection, 200, NULL, body, body_bytes), HEARTH_OK);
}

int main(int count, char **arguments) {
    char head[8192], *received = malloc(body_bytes);
    CHECK(count == 2);
    int is_closing = strcmp(arguments[1], "past_close_timeout") == 0;
    body = malloc(body_bytes);
    CHECK(body && received);
    for (size_t i = 0; i < body_bytes; i++)
        body[i] = (char)('a' + i % 26);
    struct world *world = world_new(is_closing ? "close_timeout=1s" : "keep_alive_timeout=200ms");
    world->on_event = on_event;
    world_route(world, "/large", "http=GET");
    int fd = client_connect(world_start(world));
    client_write_text(fd, is_closing ? "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                                     : "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    if (strcmp(arguments[1], "after_half_close") == 0)
        shutdown(fd, SHUT_WR);
    world_wait(world, HEARTH_EVENT_HTTP_REQUEST, 1);
    if (strcmp(arguments[1], "past_keep_alive") == 0)
        usleep(600000);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 200);
    for (size_t at = 0; at < body_bytes; at += step_bytes) {
        if (is_closing)
            usleep(100000);
        CHECK(client_read(fd, received + at, step_bytes));
    }
    CHECK(memcmp(received, body, body_bytes) == 0);
    close(fd);
    world_free(world);
    free(body);
    free(received);
    return 0;
}
