/* Heads, bodies and frames mean the same however they are cut into packets. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    echo(world, event);
    if (event->type == HEARTH_EVENT_HTTP_REQUEST)
        CHECK_NUMBER(hearth_http_respond(event->connection, 200, NULL, event->data, event->data_length),
                     HEARTH_OK);
}

/* Sends a text in pieces of so many bytes, with a pause after each so that they arrive apart. */
static void send_pieces(int fd, const char *text, size_t length, size_t piece) {
    for (size_t at = 0; at < length; at += piece) {
        client_write(fd, text + at, length - at < piece ? length - at : piece);
        usleep(200);
    }
}

static void post(int port, const char *request, size_t piece) {
    int fd = client_connect(port);
    for (int i = 0; i < 2; i++) {
        send_pieces(fd, request, strlen(request), piece);
        struct http_response *response = http_ask(fd, "", 1);
        CHECK_NUMBER(response->status, 200);
        CHECK_TEXT(response->body, "hello, world");
    }
    close(fd);
}

static void talk(int port, size_t piece) {
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        "\x01\x83\0\0\0\0hel\x89\x82\0\0\0\0hi\x80\x82\0\0\0\0lo";
    int fd = client_connect(port);
    char head[8192];
    send_pieces(fd, request, sizeof request - 1, piece);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_PONG && memcmp(frame->data, "hi", 2) == 0);
    client_expect_text(fd, "hello");
    client_close(fd, 1000);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = on_event;
    world_route(world, "/post", "http=POST");
    world_route(world, "/ws", "");
    int port = world_start(world);
    for (size_t piece = 1; piece < 100; piece += 1 + piece / 4) {
        post(port, "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello, world", piece);
        post(port,
             "POST /post HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nTrailer: x\r\n\r\n",
             piece);
        talk(port, piece);
    }
    world_free(world);
    return 0;
}
