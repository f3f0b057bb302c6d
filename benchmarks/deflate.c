/* What permessage-deflate costs a server in a broadcast: the same JSON texts go to a room whose members offer
 * no compression, and to one whose members do, in turns. One member of each room inflates and checks every
 * text; the others count frames.
 *
 *   deflate PORT PID MEMBERS DEPTH SIZE SECONDS ROUNDS     DEPTH texts are outstanding
 *
 * The server relays to all in /room/NAME, with compression=on. Prints a line of JSON for each round and the
 * median ratio. CPU is that of the process PID, user and system, by the scheduler's clock. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { receive_size = 1 << 18, frame_max = 1 << 16, rounds_max = 100 };

struct peer {
    int fd;
    size_t header_count;
    size_t payload_left;
    unsigned char header[4];
    uint64_t received;
};

struct room {
    const char *path;
    const char *fields;
    int epoll;
    struct peer *peers;
    uint64_t sent, frames, bytes;
    size_t frame_count;
    unsigned char frame[frame_max + 4];
};

static struct room rooms[2] = {{.path = "/room/plain", .fields = ""},
                               {.path = "/room/deflate",
                                .fields = "Sec-WebSocket-Extensions: permessage-deflate; "
                                          "server_no_context_takeover; client_no_context_takeover\r\n"}};
static int members, depth;
static size_t size;
static clockid_t server_clock;

static void fail(const char *what) {
    fprintf(stderr, "deflate: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        fail("clock");
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void write_all(int fd, const void *bytes, size_t length) {
    const char *rest = bytes;
    while (length > 0) {
        ssize_t count = send(fd, rest, length, MSG_NOSIGNAL);
        if (count <= 0)
            fail("send");
        rest += count;
        length -= (size_t)count;
    }
}

static int open_member(int port, const struct room *room) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char text[2048];
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int length =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                 room->path, room->fields);
    write_all(fd, text, (size_t)length);
    for (length = 0; length < 4 || memcmp(text + length - 4, "\r\n\r\n", 4) != 0; length++)
        if (length == sizeof text - 1 || recv(fd, text + length, 1, 0) != 1)
            fail("handshake");
    text[length] = 0;
    if (strncmp(text, "HTTP/1.1 101 ", 13) != 0)
        fail("the server did not open");
    if ((strstr(text, "permessage-deflate") != NULL) != (room->fields[0] != 0))
        fail("the server did not agree on compression");
    return fd;
}

static void open_room(int port, struct room *room) {
    room->epoll = epoll_create1(0);
    room->peers = calloc((size_t)members, sizeof *room->peers);
    if (room->epoll < 0 || !room->peers)
        fail("room");
    for (int i = 0; i < members; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &room->peers[i]};
        room->peers[i].fd = open_member(port, room);
        epoll_ctl(room->epoll, EPOLL_CTL_ADD, room->peers[i].fd, &event);
    }
}

/* The text of a number: like what a service sends, different each time. */
static size_t make_text(uint64_t number, char *text) {
    unsigned state = (unsigned)number * 2654435761u + 1;
    size_t at = (size_t)sprintf(text, "{\"type\":\"update\",\"sequence\":%llu,\"items\":[",
                                (unsigned long long)number);
    while (at + 100 < size) {
        state = state * 1103515245 + 12345;
        at += (size_t)sprintf(text + at, "{\"id\":%u,\"name\":\"user-%u\",\"x\":%u.%u,\"online\":%s},",
                              state >> 22, state >> 12 & 1023, state >> 20 & 511, state >> 8 & 63,
                              state >> 30 & 1 ? "true" : "false");
    }
    at += (size_t)sprintf(text + at, "{\"end\":\"");
    while (at + 4 < size)
        text[at++] = 'e';
    return at + (size_t)sprintf(text + at, "\"}]}");
}

static void send_text(struct room *room) {
    unsigned char frame[frame_max + 8] = {0x81, 0x80 | 126};
    size_t length = make_text(room->sent++, (char *)frame + 8);
    frame[2] = (unsigned char)(length >> 8);
    frame[3] = (unsigned char)length;
    write_all(room->peers[0].fd, frame, length + 8);
}

static void check(struct room *room, uint64_t number) {
    static z_stream stream;
    char expected[frame_max];
    unsigned char inflated[frame_max];
    size_t length = make_text(number, expected), count = room->frame_count;
    unsigned char *payload = room->frame;
    if (room->fields[0]) {
        if (!stream.state && inflateInit2(&stream, -15) != Z_OK)
            fail("inflateInit2");
        inflateReset(&stream);
        memcpy(payload + count, "\0\0\xFF\xFF", 4);
        stream.next_in = payload;
        stream.avail_in = (unsigned)count + 4;
        stream.next_out = inflated;
        stream.avail_out = sizeof inflated;
        if (inflate(&stream, Z_SYNC_FLUSH) != Z_OK)
            fail("a message cannot be inflated");
        payload = inflated;
        count = sizeof inflated - stream.avail_out;
    }
    if (count != length || memcmp(payload, expected, length) != 0)
        fail("a message is not what was sent");
}

static void take(struct room *room, struct peer *peer, const unsigned char *bytes, size_t count) {
    int keeps = peer == &room->peers[0];
    room->bytes += count;
    while (count > 0) {
        if (peer->payload_left == 0) {
            peer->header[peer->header_count++] = *bytes++;
            count--;
            size_t needed = peer->header_count < 2 || (peer->header[1] & 127) != 126 ? 2 : 4;
            if (peer->header_count < needed)
                continue;
            if (peer->header[0] != (room->fields[0] ? 0xC1 : 0x81) || peer->header[1] > 126)
                fail("a frame is not of the kind that was agreed on");
            peer->payload_left =
                needed == 2 ? peer->header[1] : (size_t)peer->header[2] << 8 | peer->header[3];
            peer->header_count = 0;
            room->frame_count = keeps ? 0 : room->frame_count;
            continue;
        }
        size_t part = count < peer->payload_left ? count : peer->payload_left;
        if (keeps) {
            memcpy(room->frame + room->frame_count, bytes, part);
            room->frame_count += part;
        }
        bytes += part;
        count -= part;
        peer->payload_left -= part;
        if (peer->payload_left > 0)
            continue;
        room->frames++;
        if (keeps)
            check(room, peer->received);
        peer->received++;
    }
}

/* CPU microseconds of the server for each delivery. */
static double run(struct room *room, double seconds, double *bytes_each) {
    static unsigned char buffer[receive_size];
    struct epoll_event events[256];
    int64_t end = nanoseconds(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9);
    int64_t before = nanoseconds(server_clock);
    uint64_t first = room->frames, first_bytes = room->bytes;
    for (;;) {
        if (room->frames == room->sent * (uint64_t)members) {
            if (nanoseconds(CLOCK_MONOTONIC) >= end)
                break;
            for (int i = 0; i < depth; i++)
                send_text(room);
        }
        int count = epoll_wait(room->epoll, events, 256, 10000);
        if (count <= 0)
            fail("nothing came for ten seconds");
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            ssize_t received = recv(peer->fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (received == 0 || (received < 0 && errno != EAGAIN))
                fail("a connection ended");
            if (received > 0)
                take(room, peer, buffer, (size_t)received);
        }
    }
    double deliveries = (double)(room->frames - first);
    *bytes_each = (double)(room->bytes - first_bytes) / deliveries;
    return (double)(nanoseconds(server_clock) - before) / 1e3 / deliveries;
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

int main(int count, char **arguments) {
    if (count != 8) {
        fprintf(stderr, "usage: deflate PORT PID MEMBERS DEPTH SIZE SECONDS ROUNDS\n");
        return 2;
    }
    members = atoi(arguments[3]);
    depth = atoi(arguments[4]);
    size = (size_t)atoi(arguments[5]);
    double seconds = atof(arguments[6]), ratios[rounds_max], bytes[2], cost[2];
    int rounds = atoi(arguments[7]);
    if (clock_getcpuclockid(atoi(arguments[2]), &server_clock) != 0)
        fail("no such process");
    if (size < 200 || size > frame_max / 2 || rounds < 1 || rounds > rounds_max)
        fail("SIZE is from 200 to 32768, ROUNDS from 1 to 100");
    for (int i = 0; i < 2; i++)
        open_room(atoi(arguments[1]), &rooms[i]);
    for (int i = 0; i < 2; i++)
        run(&rooms[i], 0.2, &bytes[i]);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < 2; i++)
            cost[i] = run(&rooms[i], seconds, &bytes[i]);
        ratios[round] = cost[1] / cost[0];
        printf("{\"plain_us\":%.3f,\"deflate_us\":%.3f,\"ratio\":%.3f,\"plain_bytes\":%.0f,"
               "\"deflate_bytes\":%.0f}\n",
               cost[0], cost[1], ratios[round], bytes[0], bytes[1]);
        fflush(stdout);
    }
    qsort(ratios, (size_t)rounds, sizeof *ratios, compare);
    printf("{\"members\":%d,\"depth\":%d,\"size\":%zu,\"median_ratio\":%.3f}\n", members, depth, size,
           ratios[rounds / 2]);
    return 0;
}
