/* A peer that does anything: sound and broken frames, requests whole and cut off, every way to come and go. What
 * it does next is chosen by fixed seeds, one for each thread that asks. */
#ifndef ANY_PEER_H
#define ANY_PEER_H

#include "client.h"
#include <fcntl.h>

static inline unsigned any(unsigned below) {
    static uint64_t threads;
    static _Thread_local uint64_t state;
    if (state == 0)
        state = 0x9E3779B97F4A7C15 * (2 * __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) + 1);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 11) % below;
}

static inline void drop(int *fd) {
    close(*fd);
    *fd = -1;
}

static inline void write_some(int *fd, const void *data, size_t length) {
    if (send(*fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
        drop(fd);
}

/* A frame masked with zeros, its payload as it lies there. Answers its length. */
static inline size_t put_frame(unsigned char *target, int first, size_t length) {
    size_t at = 0;
    target[at++] = (unsigned char)first;
    target[at++] = (unsigned char)(0x80 | (length < 126 ? length : length < 65536 ? 126 : 127));
    for (int shift = length < 126 ? -8 : length < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        target[at++] = (unsigned char)((uint64_t)length >> shift);
    memset(target + at, 0, 4);
    memset(target + at + 4, 'm', length);
    return at + 4 + length;
}

/* Not waited for: nobody may be there to accept it. */
static inline void begin_to_connect(int *fd, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int window = any(2) ? 4096 : 200000;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(*fd >= 0);
    setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    if (connect(*fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        drop(fd);
}

static inline void send_upgrade(int *fd) {
    static const char *const paths[] = {"/r/r1",  "/r/r2", "/all/r3", "/ask/x",
                                        "/plain", "/none", "/r/%00",  "/r/a%2"};
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          paths[any(8)]);
    write_some(fd, request, any(5) ? (size_t)length : any((unsigned)length));
}

static inline void send_requests(int *fd, char *target, size_t capacity) {
    static const char *const requests[] = {
        "GET /h HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /h HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345",
        "POST /h HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /h HTTP/1.0\r\n\r\n",
        "BAD\r\n\r\n",
        "POST /h HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    };
    size_t length = 0;
    for (unsigned count = any(20); count > 0 && length < capacity - 200; count--)
        length += (size_t)sprintf(target + length, "%s", requests[any(8)]);
    if (length > 0)
        write_some(fd, target, any(3) ? length : any((unsigned)length));
}

static inline void send_frames(int *fd, unsigned char *target) {
    size_t length = 0;
    for (int i = 0; i < 200; i++)
        length += put_frame(target + length, any(2) ? 0x81 : 0x89, any(100));
    write_some(fd, target, length);
}

/* One step of a peer; *fd is -1 while it has no connection. */
static inline void act_as_peer(int *fd, int port) {
    static unsigned char target[1 << 18];
    size_t length;
    if (*fd < 0) {
        begin_to_connect(fd, port);
        if (*fd >= 0 && any(4))
            send_upgrade(fd);
        return;
    }
    switch (any(16)) {
    case 0:
        client_cut(*fd);
        *fd = -1;
        break;
    case 1:
        shutdown(*fd, SHUT_WR);
        break;
    case 2:
        drop(fd);
        break;
    case 3:
        write_some(fd, target, put_frame(target, 0x82, any(200000)));
        break;
    case 4:
        send_frames(fd, target);
        break;
    case 5:
        write_some(fd, target, put_frame(target, (int)any(256), any(130)));
        break;
    case 6:
        write_some(fd, "\x88\x82\0\0\0\0\x03\xE8", 8);
        break;
    case 7:
        send_requests(fd, (char *)target, sizeof target);
        break;
    case 8:
        for (length = 0; length < 300; length++)
            target[length] = (unsigned char)any(256);
        write_some(fd, target, any(300));
        break;
    case 9:
        length = put_frame(target, 0x01, any(50));
        write_some(fd, target, length + put_frame(target + length, 0x80, any(50)));
        break;
    case 10:
        write_some(fd, target, any((unsigned)put_frame(target, 0x81, any(50))));
        break;
    case 11:
        write_some(fd, target, put_frame(target, 0x81, any(50)));
        break;
    default:
        if (recv(*fd, target, sizeof target, MSG_DONTWAIT) == 0)
            drop(fd);
    }
}

#endif
