/* A WebSocket and HTTP client of a few lines for tests: blocking sockets, frames as they are on the wire.
 * It checks nothing by itself beyond what a test asks, so that tests can send what is wrong. */
#ifndef CLIENT_H
#define CLIENT_H

#include "check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENT_TEXT = 1, CLIENT_BINARY = 2, CLIENT_CLOSE = 8, CLIENT_PING = 9, CLIENT_PONG = 10 };

struct client_frame {
    int opcode;
    int is_final;
    size_t length;
    unsigned char data[1 << 17];
};

struct http_response {
    int status;
    char head[8192];
    size_t body_length;
    char body[1 << 17];
};

#ifdef CLIENT_TLS
/* The same test, with every connection over TLS. */
#include "sealed.h"
#else
static inline int client_begin(int fd) {
    return fd;
}

static inline ssize_t client_send_some(int fd, const void *data, size_t length) {
    return send(fd, data, length, MSG_NOSIGNAL);
}

static inline ssize_t client_receive_some(int fd, void *data, size_t length) {
    return recv(fd, data, length, 0);
}

/* Bytes that were read from the socket and not yet asked for. */
static inline int client_has_pending(int fd) {
    (void)fd;
    return 0;
}
#endif

static inline int client_prepare(int fd, const struct sockaddr *address, socklen_t length) {
    struct timeval limit = {20, 0};
    int on = 1;
    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (address->sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    CHECK(connect(fd, address, length) == 0);
    return client_begin(fd);
}

static inline int client_connect(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return client_prepare(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static inline int client_connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return client_prepare(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static inline void client_write(int fd, const void *data, size_t length) {
    const char *rest = data;
    while (length > 0) {
        ssize_t count = client_send_some(fd, rest, length);
        CHECK(count > 0);
        rest += count;
        length -= (size_t)count;
    }
}

static inline void client_write_text(int fd, const char *text) {
    client_write(fd, text, strlen(text));
}

/* Whether all of length came before the end of the stream. A silence of 20 seconds fails the test. */
static inline int client_read(int fd, void *data, size_t length) {
    char *rest = data;
    while (length > 0) {
        ssize_t count = client_receive_some(fd, rest, length);
        /* With a time limit the system does not resume it, e.g. while a ring of io_uring ends. */
        if (count < 0 && errno == EINTR)
            continue;
        CHECK(count >= 0 || errno == ECONNRESET);
        if (count <= 0)
            return 0;
        rest += count;
        length -= (size_t)count;
    }
    return 1;
}

/* The head of a response up to its empty line, NUL-terminated. Answers the status, 0 at the end of the
 * stream. */
static inline int client_read_head(int fd, char *head, size_t capacity) {
    size_t length = 0;
    while (length + 1 < capacity) {
        if (!client_read(fd, head + length, 1))
            return 0;
        head[++length] = '\0';
        if (length >= 4 && memcmp(head + length - 4, "\r\n\r\n", 4) == 0)
            return atoi(head + sizeof "HTTP/1.1" - 1);
    }
    CHECK(!"the head of the response is too long");
    return 0;
}

/* Asks for an upgrade; fields are whole lines, or "". */
static inline void client_send_upgrade(int fd, const char *path, const char *fields) {
    char request[4096];
    int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                 path, fields);
    CHECK(length > 0 && (size_t)length < sizeof request);
    client_write(fd, request, (size_t)length);
}

/* Asks for an upgrade and answers the status. */
static inline int client_upgrade(int fd, const char *path, const char *fields, char *head, size_t capacity) {
    client_send_upgrade(fd, path, fields);
    return client_read_head(fd, head, capacity);
}

static inline int client_open_on(int fd, const char *path) {
    char head[8192];
    CHECK(client_upgrade(fd, path, "", head, sizeof head) == 101);
    CHECK(strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    return fd;
}

static inline int client_open(int port, const char *path) {
    return client_open_on(client_connect(port), path);
}

/* One masked frame. first is the whole first byte: 0x81 is a final text frame. */
static inline void client_send_frame(int fd, int first, const void *data, size_t length) {
    static const unsigned char key[4] = {0x12, 0x34, 0x56, 0x78};
    unsigned char *frame = malloc(length + 14);
    size_t at = 0;
    CHECK(frame);
    frame[at++] = (unsigned char)first;
    if (length < 126) {
        frame[at++] = (unsigned char)(0x80 | length);
    } else if (length < 65536) {
        frame[at++] = 0x80 | 126;
        frame[at++] = (unsigned char)(length >> 8);
        frame[at++] = (unsigned char)length;
    } else {
        frame[at++] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            frame[at++] = (unsigned char)((uint64_t)length >> shift);
    }
    memcpy(frame + at, key, 4);
    at += 4;
    for (size_t i = 0; i < length; i++)
        frame[at + i] = ((const unsigned char *)data)[i] ^ key[i & 3];
    client_write(fd, frame, at + length);
    free(frame);
}

static inline void client_send_text(int fd, const char *text) {
    client_send_frame(fd, 0x81, text, strlen(text));
}

static inline void client_send_close(int fd, int code) {
    unsigned char body[2] = {(unsigned char)(code >> 8), (unsigned char)code};
    client_send_frame(fd, 0x88, body, 2);
}

/* The next frame; 0 at the end of the stream. The frame is good until the next call. */
static inline struct client_frame *client_receive(int fd) {
    static _Thread_local struct client_frame frame;
    unsigned char head[2], extended[8];
    if (!client_read(fd, head, 2))
        return NULL;
    CHECK((head[1] & 0x80) == 0);
    frame.opcode = head[0] & 15;
    frame.is_final = head[0] >> 7;
    frame.length = head[1];
    size_t more = head[1] == 126 ? 2 : head[1] == 127 ? 8 : 0;
    if (more > 0) {
        CHECK(client_read(fd, extended, more));
        frame.length = 0;
        for (size_t i = 0; i < more; i++)
            frame.length = frame.length << 8 | extended[i];
    }
    CHECK(frame.length < sizeof frame.data);
    CHECK(client_read(fd, frame.data, frame.length));
    frame.data[frame.length] = 0;
    return &frame;
}

static inline void client_expect_text(int fd, const char *text) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_TEXT && frame->is_final);
    CHECK_TEXT((const char *)frame->data, text);
}

/* That the next frame is a close frame with this code, 0 for none. */
static inline void client_expect_close(int fd, int code) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE);
    int received = frame->length >= 2 ? frame->data[0] << 8 | frame->data[1] : 0;
    CHECK_NUMBER(received, code);
}

/* That the stream ends, whatever frames come before. */
static inline void client_expect_end(int fd) {
    while (client_receive(fd)) {
    }
    close(fd);
}

/* The close handshake begun by the client, to its end. */
static inline void client_close(int fd, int code) {
    client_send_close(fd, code);
    for (struct client_frame *frame; (frame = client_receive(fd)) && frame->opcode != CLIENT_CLOSE;) {
    }
    client_expect_end(fd);
}

/* Cuts the connection with a reset, as a crashed peer does. */
static inline void client_cut(int fd) {
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

/* Sends a request as it is and reads one response; has_body is 0 for HEAD. */
static inline struct http_response *http_ask(int fd, const char *request, int has_body) {
    static _Thread_local struct http_response response;
    client_write_text(fd, request);
    response.status = client_read_head(fd, response.head, sizeof response.head);
    response.body_length = 0;
    response.body[0] = '\0';
    const char *length = strcasestr(response.head, "\r\nContent-Length:");
    if (response.status > 0 && has_body && length) {
        response.body_length = strtoul(length + sizeof "\r\nContent-Length:" - 1, NULL, 10);
        CHECK(response.body_length < sizeof response.body);
        CHECK(client_read(fd, response.body, response.body_length));
        response.body[response.body_length] = '\0';
    }
    return &response;
}

#endif
