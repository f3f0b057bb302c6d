/* permessage-deflate for the client of client.h, by zlib itself. What the library does with zlib is counted:
 * the calls of a test's own are not. */
#ifndef DEFLATE_H
#define DEFLATE_H

#include "client.h"
#include <dlfcn.h>
#include <zlib.h>

enum { DEFLATE_TEXT = 0xC1, DEFLATE_BINARY = 0xC2, DEFLATE_WINDOW = 15 };

static long deflate_calls, deflate_ends;
static _Thread_local int is_test;

#define COUNTED_ZLIB(name, parameters, arguments, counter)          \
    int name parameters {                                           \
        static void *found;                                         \
        void *original = __atomic_load_n(&found, __ATOMIC_RELAXED); \
        if (!original) {                                            \
            original = dlsym(RTLD_NEXT, #name);                     \
            __atomic_store_n(&found, original, __ATOMIC_RELAXED);   \
        }                                                           \
        if (!is_test)                                               \
            __atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);      \
        return ((int(*) parameters)original)arguments;              \
    }

COUNTED_ZLIB(deflate, (z_stream * stream, int flush), (stream, flush), deflate_calls)
COUNTED_ZLIB(deflateEnd, (z_stream * stream), (stream), deflate_ends)

static inline long count_of(long *counter) {
    return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

struct peer {
    int fd;
    z_stream out, in;
    /* Whether each message begins anew. */
    int forgets_out, forgets_in;
    struct client_frame *frame;
    size_t length;
    unsigned char data[1 << 20];
};

static inline void peer_prepare(struct peer *peer, int fd, int window) {
    memset(&peer->out, 0, sizeof peer->out);
    memset(&peer->in, 0, sizeof peer->in);
    peer->fd = fd;
    CHECK(deflateInit2(&peer->out, 9, Z_DEFLATED, -window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(inflateInit2(&peer->in, -DEFLATE_WINDOW) == Z_OK);
}

/* Opens with an offer; answer is what must come as its value, NULL for no field. */
static inline struct peer *peer_open(int port, const char *path, const char *offer, const char *answer) {
    char fields[512], head[8192];
    struct peer *peer = calloc(1, sizeof *peer);
    CHECK(peer);
    snprintf(fields, sizeof fields, "Sec-WebSocket-Extensions: %s\r\n", offer);
    peer_prepare(peer, client_connect(port), DEFLATE_WINDOW);
    CHECK_NUMBER(client_upgrade(peer->fd, path, fields, head, sizeof head), 101);
    char *value = strstr(head, "Sec-WebSocket-Extensions: ");
    CHECK(!value == !answer);
    if (answer) {
        value += sizeof "Sec-WebSocket-Extensions: " - 1;
        *strchr(value, '\r') = '\0';
        CHECK_TEXT(value, answer);
        peer->forgets_out = strstr(answer, "client_no_context_takeover") != NULL;
        peer->forgets_in = strstr(answer, "server_no_context_takeover") != NULL;
    }
    return peer;
}

static inline void peer_free(struct peer *peer) {
    is_test = 1;
    deflateEnd(&peer->out);
    is_test = 0;
    inflateEnd(&peer->in);
    free(peer);
}

static inline void peer_close(struct peer *peer) {
    client_close(peer->fd, 1000);
    peer_free(peer);
}

/* A message compressed as RFC 7692 7.2.1 says; answers how long it is. flush is Z_SYNC_FLUSH or Z_FINISH. */
static inline size_t peer_compress(struct peer *peer, const void *data, size_t length, int flush,
                                   unsigned char *target, size_t capacity) {
    is_test = 1;
    if (peer->forgets_out)
        deflateReset(&peer->out);
    peer->out.next_in = (void *)data;
    peer->out.avail_in = (unsigned)length;
    peer->out.next_out = target;
    peer->out.avail_out = (unsigned)capacity;
    CHECK(deflate(&peer->out, flush) == (flush == Z_FINISH ? Z_STREAM_END : Z_OK));
    is_test = 0;
    size_t count = capacity - peer->out.avail_out;
    if (flush == Z_FINISH) {
        target[count++] = 0;
        return count;
    }
    CHECK(count >= 4 && memcmp(target + count - 4, "\0\0\xFF\xFF", 4) == 0);
    return count - 4;
}

static inline void peer_send(struct peer *peer, int first, const void *data, size_t length) {
    size_t capacity = length + length / 100 + 100;
    unsigned char *compressed = malloc(capacity);
    CHECK(compressed);
    client_send_frame(peer->fd, first, compressed,
                      peer_compress(peer, data, length, Z_SYNC_FLUSH, compressed, capacity));
    free(compressed);
}

/* The frame that comes next, inflated to peer->data if RSV1 says so. Answers whether it was compressed, or -1
 * at the end of the stream. client_receive has cut the bit off, so it is looked at before. */
static inline int peer_receive(struct peer *peer) {
    unsigned char first = 0;
    ssize_t count = recv(peer->fd, &first, 1, MSG_PEEK | MSG_WAITALL);
    CHECK(count >= 0 || errno == ECONNRESET);
    if (count <= 0 || !(peer->frame = client_receive(peer->fd)))
        return -1;
    if (!(first & 0x40)) {
        peer->length = peer->frame->length;
        memcpy(peer->data, peer->frame->data, peer->length);
        return 0;
    }
    CHECK(first == DEFLATE_TEXT || first == DEFLATE_BINARY);
    if (peer->forgets_in)
        inflateReset(&peer->in);
    memcpy(peer->frame->data + peer->frame->length, "\0\0\xFF\xFF", 4);
    peer->in.next_in = peer->frame->data;
    peer->in.avail_in = (unsigned)peer->frame->length + 4;
    peer->in.next_out = peer->data;
    peer->in.avail_out = sizeof peer->data - 1;
    CHECK(inflate(&peer->in, Z_SYNC_FLUSH) == Z_OK && peer->in.avail_in == 0);
    peer->length = sizeof peer->data - 1 - peer->in.avail_out;
    peer->data[peer->length] = 0;
    return 1;
}

static inline void peer_expect(struct peer *peer, int is_compressed, const void *data, size_t length) {
    CHECK_NUMBER(peer_receive(peer), is_compressed);
    CHECK_NUMBER(peer->length, length);
    CHECK(length == 0 || memcmp(peer->data, data, length) == 0);
}

/* Text like JSON that gets smaller, and bytes that do not. */
static inline char *compressible(size_t length) {
    char *text = malloc(length + 64);
    size_t at = 0;
    CHECK(text);
    for (unsigned i = 0; at < length; i++)
        at += (size_t)sprintf(text + at, "{\"id\":%u,\"name\":\"member\"},", i * 7919 % 1000);
    text[length] = 0;
    return text;
}

static inline char *incompressible(size_t length) {
    char *data = malloc(length + 1);
    unsigned state = 12345;
    CHECK(data);
    for (size_t i = 0; i < length; i++) {
        state = state * 1103515245 + 12345;
        data[i] = (char)(state >> 16);
    }
    return data;
}

#endif
