/* A client of the library in an engine of its own, with a record of every event; and servers that do what a test
 * makes them do. */
#ifndef LINK_H
#define LINK_H

#include "client.h"
#include <hearth.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

struct happening {
    uint32_t type, state, attempt, status, flags, opcode;
    int32_t code, error;
    uint64_t message, delay_ms;
    size_t data_length;
    char data[600];
    char path[300];
};

struct link {
    hearth_config *config;
    hearth_engine *engine;
    hearth_client *client;
    /* Called on the loop's thread before the event is recorded. */
    void (*on_event)(struct link *link, const hearth_event *event);
    void *extra;
    pthread_mutex_t lock;
    pthread_cond_t recorded;
    size_t count;
    struct happening happenings[16384];
};

static inline void link_record(void *context, const hearth_event *event) {
    struct link *link = context;
    __typeof__(link->on_event) on_event = __atomic_load_n(&link->on_event, __ATOMIC_ACQUIRE);
    if (on_event)
        on_event(link, event);
    CHECK(event->client && !event->server && event->connection == 0);
    pthread_mutex_lock(&link->lock);
    CHECK(link->count < sizeof link->happenings / sizeof link->happenings[0]);
    struct happening *happening = &link->happenings[link->count++];
    *happening = (struct happening){.type = event->type,
                                    .state = event->state,
                                    .attempt = event->attempt,
                                    .status = event->status,
                                    .flags = event->flags,
                                    .opcode = event->opcode,
                                    .code = event->code,
                                    .error = event->error,
                                    .message = event->message,
                                    .delay_ms = event->delay_ms,
                                    .data_length = event->data_length};
    size_t kept =
        event->data_length < sizeof happening->data ? event->data_length : sizeof happening->data - 1;
    if (kept > 0)
        memcpy(happening->data, event->data, kept);
    happening->data[kept] = '\0';
    snprintf(happening->path, sizeof happening->path, "%s", event->path ? event->path : "");
    pthread_cond_broadcast(&link->recorded);
    pthread_mutex_unlock(&link->lock);
}

static inline void link_set(struct link *link, const char *key, const char *value) {
    if (hearth_config_set(link->config, key, value) == HEARTH_OK)
        return;
    char sentence[512];
    hearth_config_error(link->config, sentence, sizeof sentence);
    fprintf(stderr, "%s\n", sentence);
    CHECK(!"the setting is taken");
}

/* An engine and a client of 127.0.0.1 at the port, or of a whole url, with further settings "key=value
 * key=value". */
static inline struct link *link_new(int port, const char *url, const char *settings) {
    struct link *link = calloc(1, sizeof *link);
    char own[64], *copy = strdup(settings), *rest = copy, *setting;
    CHECK(link && copy);
    pthread_mutex_init(&link->lock, NULL);
    pthread_cond_init(&link->recorded, NULL);
    link->config = hearth_config_new();
    snprintf(own, sizeof own, "ws://127.0.0.1:%d/", port);
    link_set(link, "url", url ? url : own);
    link_set(link, "reconnect_floor", "10ms");
    link_set(link, "reconnect_backoff_base", "10ms");
    link_set(link, "reconnect_backoff_max", "50ms");
    while ((setting = strsep(&rest, " "))) {
        char *value = strchr(setting, '=');
        if (!value)
            continue;
        *value = '\0';
        link_set(link, setting, value + 1);
    }
    free(copy);
    link->engine = hearth_engine_new(link->config);
    CHECK(link->engine);
    link->client = hearth_client_new(link->engine, link->config);
    CHECK(link->client);
    CHECK_NUMBER(hearth_client_on_event(link->client, link_record, link), HEARTH_OK);
    return link;
}

static inline void link_start(struct link *link) {
    CHECK_NUMBER(hearth_engine_start(link->engine), HEARTH_OK);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
}

static inline int link_matches(const struct happening *happening, uint32_t type, int state) {
    return happening->type == type &&
           (type != HEARTH_EVENT_CLIENT_STATE || happening->state == (uint32_t)state);
}

static inline size_t link_count(struct link *link, uint32_t type, int state) {
    size_t count = 0;
    pthread_mutex_lock(&link->lock);
    for (size_t i = 0; i < link->count; i++)
        count += link_matches(&link->happenings[i], type, state);
    pthread_mutex_unlock(&link->lock);
    return count;
}

/* Waits for the nth event of a type, from 1; none within 20 seconds fails the test. */
static inline struct happening *link_wait_event(struct link *link, uint32_t type, int state, size_t nth) {
    struct timespec limit;
    struct happening *found = NULL;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    pthread_mutex_lock(&link->lock);
    for (int status = 0; !found && status == 0;) {
        size_t count = 0;
        for (size_t i = 0; i < link->count && !found; i++)
            if (link_matches(&link->happenings[i], type, state) && ++count == nth)
                found = &link->happenings[i];
        if (!found)
            status = pthread_cond_timedwait(&link->recorded, &link->lock, &limit);
    }
    pthread_mutex_unlock(&link->lock);
    if (!found)
        fprintf(stderr, "event %zu of type %u, state %d did not come\n", nth, type, state);
    CHECK(found);
    return found;
}

static inline struct happening *link_wait(struct link *link, int state, size_t nth) {
    return link_wait_event(link, HEARTH_EVENT_CLIENT_STATE, state, nth);
}

static inline struct happening *link_wait_message(struct link *link, size_t nth) {
    return link_wait_event(link, HEARTH_EVENT_MESSAGE, 0, nth);
}

static inline int64_t link_send(struct link *link, const char *text) {
    return hearth_client_send(link->client, HEARTH_TEXT, text, strlen(text), 0);
}

static inline void link_free(struct link *link) {
    CHECK_NUMBER(hearth_engine_free(link->engine), HEARTH_OK);
    hearth_config_free(link->config);
    pthread_mutex_destroy(&link->lock);
    pthread_cond_destroy(&link->recorded);
    free(link);
}

/* A listening socket on a free port of 127.0.0.1. */
static inline int listen_anywhere(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (*port)
        address.sin_port = htons((uint16_t)*port);
    CHECK(bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 64) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* The next connection; none within 20 seconds fails the test. */
static inline int accept_one(int listener) {
    struct pollfd descriptor = {listener, POLLIN, 0};
    struct timeval limit = {20, 0};
    int on = 1;
    CHECK(poll(&descriptor, 1, 20000) == 1);
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* The head of a request, NUL-terminated. */
static inline void read_request(int fd, char *head, size_t capacity) {
    size_t length = 0;
    do {
        CHECK(length + 1 < capacity && client_read(fd, head + length, 1));
        head[++length] = '\0';
    } while (length < 4 || memcmp(head + length - 4, "\r\n\r\n", 4) != 0);
}

/* SHA-1, for the answer to an opening handshake. */
static inline void sha1(const unsigned char *text, size_t length, unsigned char digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, w[80];
    unsigned char block[128] = {0};
    size_t total = length < 56 ? 64 : 128;
    CHECK(length < 120);
    memcpy(block, text, length);
    block[length] = 0x80;
    for (int i = 0; i < 8; i++)
        block[total - 1 - (size_t)i] = (unsigned char)((uint64_t)length * 8 >> (8 * i));
    for (size_t at = 0; at < total; at += 64) {
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)block[at + 4 * (size_t)i] << 24 | (uint32_t)block[at + 4 * (size_t)i + 1] << 16 |
                   (uint32_t)block[at + 4 * (size_t)i + 2] << 8 | block[at + 4 * (size_t)i + 3];
        for (int i = 16; i < 80; i++) {
            uint32_t x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
            w[i] = x << 1 | x >> 31;
        }
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                  : (b ^ c ^ d) + 0xCA62C1D6;
            uint32_t next = (a << 5 | a >> 27) + f + e + w[i];
            e = d, d = c, c = b << 30 | b >> 2, b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++)
        digest[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The Sec-WebSocket-Accept that belongs to a request. */
static inline void accept_value(const char *request, char value[29]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *key = strcasestr(request, "sec-websocket-key: ");
    char text[100];
    unsigned char digest[21] = {0};
    CHECK(key);
    snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    sha1((const unsigned char *)text, strlen(text), digest);
    for (int i = 0; i < 28; i++) {
        int byte = i / 4 * 3;
        uint32_t three = (uint32_t)digest[byte] << 16 | (uint32_t)digest[byte + 1] << 8 |
                         (byte + 2 < 20 ? digest[byte + 2] : 0);
        value[i] = digits[three >> (18 - 6 * (i % 4)) & 63];
    }
    value[27] = '=';
    value[28] = '\0';
}

/* Reads a request and opens the WebSocket; fields are further lines of the answer. */
static inline void answer_upgrade(int fd, const char *fields) {
    char request[8192], answer[8192], value[29];
    read_request(fd, request, sizeof request);
    accept_value(request, value);
    snprintf(answer, sizeof answer,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n%s\r\n",
             value, fields);
    client_write_text(fd, answer);
}

static inline int accept_open(int listener) {
    int fd = accept_one(listener);
    answer_upgrade(fd, "");
    return fd;
}

/* The next frame of a client, unmasked; NULL at the end of the stream. Good until the next call. */
static inline struct client_frame *receive_masked(int fd) {
    static _Thread_local struct client_frame frame;
    unsigned char head[2], extended[8], key[4];
    if (!client_read(fd, head, 2))
        return NULL;
    CHECK((head[1] & 0x80) != 0);
    frame.opcode = head[0] & 15;
    frame.is_final = head[0] >> 7;
    frame.length = head[1] & 0x7F;
    size_t more = frame.length == 126 ? 2 : frame.length == 127 ? 8 : 0;
    if (more > 0) {
        if (!client_read(fd, extended, more))
            return NULL;
        frame.length = 0;
        for (size_t i = 0; i < more; i++)
            frame.length = frame.length << 8 | extended[i];
    }
    CHECK(frame.length < sizeof frame.data);
    if (!client_read(fd, key, 4) || !client_read(fd, frame.data, frame.length))
        return NULL;
    for (size_t i = 0; i < frame.length; i++)
        frame.data[i] ^= key[i & 3];
    frame.data[frame.length] = 0;
    return &frame;
}

static inline void expect_masked_text(int fd, const char *text) {
    struct client_frame *frame = receive_masked(fd);
    CHECK(frame && frame->opcode == CLIENT_TEXT && frame->is_final);
    CHECK_TEXT((const char *)frame->data, text);
}

/* One frame of a server. first is the whole first byte. At most 125 bytes. */
static inline void send_unmasked(int fd, int first, const void *data, size_t length) {
    unsigned char frame[128] = {(unsigned char)first, (unsigned char)length};
    CHECK(length <= 125);
    memcpy(frame + 2, data, length);
    client_write(fd, frame, length + 2);
}

static inline void send_unmasked_close(int fd, int code, const char *reason) {
    unsigned char body[125] = {(unsigned char)(code >> 8), (unsigned char)code};
    memcpy(body + 2, reason, strlen(reason));
    send_unmasked(fd, 0x88, body, 2 + strlen(reason));
}

/* Closes with a reset. */
static inline void reset(int fd) {
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

#endif
