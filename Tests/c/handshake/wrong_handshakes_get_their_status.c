/* Requests that are no proper upgrade, or no HTTP, get the status that RFC 6455 and RFC 9110 name. */
#include "client.h"
#include "world.h"

#define UPGRADE "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

static const struct {
    const char *request;
    int status;
} wrong[] = {
    {"GET / HTTP/1.1\r\n" UPGRADE KEY "Sec-WebSocket-Version: 12\r\n\r\n", 426},
    {"GET / HTTP/1.1\r\n" UPGRADE KEY "\r\n", 426},
    {"GET / HTTP/1.1\r\n" UPGRADE VERSION "\r\n", 400},
    {"GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Key: short\r\n" VERSION "\r\n", 400},
    {"GET / HTTP/1.1\r\n" UPGRADE KEY KEY VERSION "\r\n", 400},
    {"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426},
    {"GET /other HTTP/1.1\r\nHost: a\r\n\r\n", 404},
    {"GET /other HTTP/1.1\r\n" UPGRADE KEY VERSION "\r\n", 404},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"GET / HTTP/1.1\nHost: a\n\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"\x16\x03\x01\x02\x05\x01", 400},
};

int main(void) {
    struct world *world = world_new("handshake_timeout=300ms max_header_size=2KiB max_header_fields=20");
    world_route(world, "/", "");
    int port = world_start(world);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int fd = client_connect(port);
        fprintf(stderr, "%s", wrong[i].request);
        struct http_response *response = http_ask(fd, wrong[i].request, 1);
        CHECK_NUMBER(response->status, wrong[i].status);
        if (wrong[i].status == 426)
            CHECK(strcasestr(response->head, "\r\nsec-websocket-version: 13\r\n"));
        close(fd);
    }

    char request[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 20; i++)
        strcat(request, "A: b\r\n");
    int fd = client_connect(port);
    CHECK_NUMBER(http_ask(fd, strcat(request, "\r\n"), 1)->status, 431);
    close(fd);
    strcpy(request, "GET / HTTP/1.1\r\nHost: a\r\nLong: ");
    memset(request + strlen(request), 'a', 2048);
    fd = client_connect(port);
    CHECK_NUMBER(http_ask(fd, request, 1)->status, 431);
    close(fd);
    fd = client_connect(port);
    client_write_text(fd, "GET / HT");
    char head[8192];
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 408);
    close(fd);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 0);
    world_free(world);
    return 0;
}
