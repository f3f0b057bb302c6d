/* Each way in which a server can fail a client has an error of its own with a sentence, and a client that is
 * not to come back ends with it. */
#include "link.h"

struct script {
    int listener;
    void (*serve)(int fd);
};

static void *serve_one(void *context) {
    struct script *script = context;
    int fd = accept_one(script->listener);
    script->serve(fd);
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
    close(fd);
    return NULL;
}

static void answer(int fd, const char *text) {
    char request[8192];
    read_request(fd, request, sizeof request);
    client_write_text(fd, text);
    shutdown(fd, SHUT_WR);
}

static void close_at_once(int fd) {
    shutdown(fd, SHUT_RDWR);
}

static void reset_at_once(int fd) {
    char request[8192];
    read_request(fd, request, sizeof request);
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    int null = dup(fd);
    close(null);
    shutdown(fd, SHUT_RDWR);
}

static void close_in_answer(int fd) {
    answer(fd, "HTTP/1.1 101 Switching");
}

static void wrong_accept(int fd) {
    answer(fd, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

static void no_upgrade(int fd) {
    answer(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n");
}

static void subprotocol(int fd) {
    answer_upgrade(fd, "Sec-WebSocket-Protocol: chat\r\n");
}

static void extension(int fd) {
    answer_upgrade(fd, "Sec-WebSocket-Extensions: x-mine\r\n");
}

static void not_http(int fd) {
    answer(fd, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void status_200(int fd) {
    answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
}

static void status_301(int fd) {
    answer(fd, "HTTP/1.1 301 Moved Permanently\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
}

static void status_401(int fd) {
    answer(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
}

static void status_403(int fd) {
    answer(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
}

static void status_429(int fd) {
    answer(fd, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
}

static void status_500(int fd) {
    answer(fd, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
}

static void status_503(int fd) {
    answer(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
}

static void say_nothing(int fd) {
    (void)fd;
}

static void say_a_byte(int fd) {
    client_write_text(fd, "H");
}

static void masked_frame(int fd) {
    answer_upgrade(fd, "");
    client_send_text(fd, "masked");
}

static void reserved_opcode(int fd) {
    answer_upgrade(fd, "");
    send_unmasked(fd, 0x83, "x", 1);
}

static void end_when_open(int fd) {
    answer_upgrade(fd, "");
    shutdown(fd, SHUT_WR);
}

static void stay_silent_when_open(int fd) {
    answer_upgrade(fd, "");
}

static void expect(const char *name, void (*serve)(int fd), int state, int error, unsigned status) {
    struct script script = {-1, serve};
    int port = 0;
    pthread_t thread;
    script.listener = listen_anywhere(&port);
    struct link *link = link_new(port, NULL,
                                 "reconnect_enabled=off open_timeout=250ms ping_interval=50ms "
                                 "ping_timeout=100ms close_timeout=200ms");
    CHECK(pthread_create(&thread, NULL, serve_one, &script) == 0);
    link_start(link);
    struct happening *end = link_wait(link, state, 1);
    if (end->error != error)
        fprintf(stderr, "%s: %s\n", name, hearth_error_name(end->error));
    CHECK_NUMBER(end->error, error);
    CHECK_NUMBER(end->status, status);
    CHECK(end->data_length > 0 || state == HEARTH_CLIENT_CLOSED);
    CHECK(strlen(hearth_strerror(error)) > 20);
    CHECK_NUMBER(link_count(link, HEARTH_EVENT_CLIENT_STATE, HEARTH_CLIENT_CONNECTING), 1);
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_ERR_STATE);
    link_free(link);
    pthread_join(thread, NULL);
    close(script.listener);
}

#define EXPECT(serve, state, error, status) \
    expect(#serve, serve, HEARTH_CLIENT_##state, HEARTH_ERR_##error, status)

int main(void) {
    EXPECT(close_at_once, GAVE_UP, EARLY_CLOSE, 0);
    EXPECT(reset_at_once, GAVE_UP, EARLY_CLOSE, 0);
    EXPECT(close_in_answer, GAVE_UP, EARLY_CLOSE, 0);
    EXPECT(wrong_accept, GAVE_UP, BAD_ACCEPT, 0);
    EXPECT(no_upgrade, GAVE_UP, BAD_UPGRADE, 0);
    EXPECT(subprotocol, GAVE_UP, BAD_SUBPROTOCOL, 0);
    EXPECT(extension, GAVE_UP, BAD_EXTENSION, 0);
    EXPECT(not_http, GAVE_UP, BAD_ANSWER, 0);
    EXPECT(status_200, GAVE_UP, NOT_UPGRADED, 200);
    EXPECT(status_301, GAVE_UP, REDIRECTED, 301);
    EXPECT(status_401, GAVE_UP, UNAUTHORIZED, 401);
    EXPECT(status_403, GAVE_UP, FORBIDDEN, 403);
    EXPECT(status_429, GAVE_UP, TOO_MANY_REQUESTS, 429);
    EXPECT(status_500, GAVE_UP, HTTP_STATUS, 500);
    EXPECT(status_503, GAVE_UP, UNAVAILABLE, 503);
    EXPECT(say_nothing, GAVE_UP, NO_ANSWER, 0);
    EXPECT(say_a_byte, GAVE_UP, SLOW_ANSWER, 0);
    EXPECT(masked_frame, CLOSED, MASKED_FRAME, 0);
    EXPECT(reserved_opcode, CLOSED, PROTOCOL, 0);
    EXPECT(end_when_open, CLOSED, LOST, 0);
    EXPECT(stay_silent_when_open, CLOSED, PING_TIMEOUT, 0);

    /* Nobody listens. */
    int port = 0;
    close(listen_anywhere(&port));
    struct link *link = link_new(port, NULL, "reconnect_enabled=off");
    link_start(link);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_CONNECT);
    link_free(link);
    /* Nobody has the name (RFC 6761 6.4). */
    link = link_new(0, "ws://nobody.invalid/", "reconnect_enabled=off");
    link_start(link);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_RESOLVE);
    link_free(link);
    return 0;
}
