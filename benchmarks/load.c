/* A load generator for one server that echoes on /echo and relays to all in /room/NAME. Every byte that comes
 * back is checked: a message that is lost, doubled, reordered or damaged ends the run with status 1.
 *
 *   load echo PORT PID CONNECTIONS DEPTH SIZE SECONDS      each connection has DEPTH messages in flight
 *   load rooms PORT PID ROOMS MEMBERS DEPTH SIZE SECONDS [SENDERS]   in each room one member, or SENDERS of
 *                                                          them, send DEPTH messages at once, and all receive
 *   load connect PORT PID CONNECTIONS                      a handshake, and the end without a word
 *   load idle PORT PID CONNECTIONS                         resident memory that a silent member costs
 *
 * PORT may be wss:PORT: everything goes over TLS then, and no certificate is looked at.
 * Prints one line of JSON. CPU is that of the process PID, user and system, by the scheduler's clock; own_us
 * is that of this program. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { sequence_digits = 16, receive_size = 1 << 18 };

struct peer {
    int fd;
    int room;
    uint64_t *received; /* of each sender of the room */
    size_t partial;
    char *frame;
};

struct sender {
    uint64_t sent;
    uint64_t outstanding;
    struct peer *peer;
};

static struct peer *peers;
static struct sender *senders; /* sender_count for each room */
static int peer_count, members, sender_count = 1, depth, epoll;
static size_t size, frame_length, head_length;
static uint64_t delivered;
static char *pattern, *window;

/* With TLS: the stream of each descriptor. */
enum { streams_max = 1 << 20 };
static SSL_CTX *tls;
static SSL *streams[streams_max];

static void fail(const char *what) {
    fprintf(stderr, "load: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        fail("clock");
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void wait_for(int fd, short events) {
    struct pollfd descriptor = {fd, events, 0};
    poll(&descriptor, 1, -1);
}

static void begin_tls(int fd) {
    if (fd >= streams_max)
        fail("too many descriptors");
    streams[fd] = SSL_new(tls);
    SSL_set_fd(streams[fd], fd);
    if (SSL_connect(streams[fd]) != 1)
        fail("the handshake of TLS");
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static ssize_t send_some(int fd, const char *bytes, size_t length) {
    size_t count;
    if (!tls)
        return send(fd, bytes, length, MSG_NOSIGNAL);
    while (SSL_write_ex(streams[fd], bytes, length, &count) != 1) {
        if (SSL_get_error(streams[fd], 0) != SSL_ERROR_WANT_WRITE)
            return -1;
        wait_for(fd, POLLOUT);
    }
    return (ssize_t)count;
}

/* What is there now, as far as it fits. */
static ssize_t receive_some(int fd, char *bytes, size_t capacity, int flags) {
    size_t total = 0, count;
    if (!tls)
        return recv(fd, bytes, capacity, flags);
    for (;;) {
        while (total < capacity && SSL_read_ex(streams[fd], bytes + total, capacity - total, &count) == 1)
            total += count;
        if (total > 0 || SSL_get_error(streams[fd], 0) != SSL_ERROR_WANT_READ)
            return (ssize_t)total;
        if (flags & MSG_DONTWAIT) {
            errno = EAGAIN;
            return -1;
        }
        wait_for(fd, POLLIN);
    }
}

static void write_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = send_some(fd, bytes, length);
        if (count <= 0)
            fail("send");
        bytes += count;
        length -= (size_t)count;
    }
}

static int connect_to(int port, const char *path) {
    static const char answer[] = "HTTP/1.1 101 ";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char text[1024];
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls)
        begin_tls(fd);
    int length =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 path);
    write_all(fd, text, (size_t)length);
    for (size_t at = 0; at < 4 || memcmp(text + at - 4, "\r\n\r\n", 4) != 0; at++)
        if (at + 1 >= sizeof text || receive_some(fd, text + at, 1, 0) != 1)
            fail("handshake");
    if (memcmp(text, answer, sizeof answer - 1) != 0)
        fail("the server does not upgrade");
    return fd;
}

/* The length of a frame's head before its mask. */
static size_t write_head(unsigned char *head, size_t payload, int is_masked) {
    head[0] = 0x82;
    if (payload < 126) {
        head[1] = (unsigned char)(payload | (is_masked ? 0x80 : 0));
        return 2;
    }
    if (payload < 65536) {
        head[1] = (unsigned char)(126 | (is_masked ? 0x80 : 0));
        head[2] = (unsigned char)(payload >> 8);
        head[3] = (unsigned char)payload;
        return 4;
    }
    head[1] = (unsigned char)(127 | (is_masked ? 0x80 : 0));
    for (int i = 0; i < 8; i++)
        head[2 + i] = (unsigned char)((uint64_t)payload >> (56 - 8 * i));
    return 10;
}

/* What a peer must receive, with room for the number of the message. */
static void prepare_pattern(void) {
    unsigned char head[10];
    head_length = write_head(head, size, 0);
    frame_length = head_length + size;
    pattern = malloc(frame_length);
    window = malloc((size_t)depth * (frame_length + 4));
    memcpy(pattern, head, head_length);
    for (size_t i = 0; i < size; i++)
        pattern[head_length + i] = (char)('a' + i % 26);
}

/* A message begins with the number of its sender in the room, in four digits, and its own. */
static void write_digits(char *digits, int number, uint64_t message) {
    uint64_t value = (uint64_t)number << 48 | (message & 0xffffffffffff);
    for (int i = sequence_digits; i > 0; value >>= 4)
        digits[--i] = "0123456789abcdef"[value & 15];
}

/* Sends a sender's next window in one call; the mask is 0, which leaves the payload as it is. */
static void send_window(struct sender *sender) {
    int number = (int)((sender - senders) % sender_count);
    char *at = window;
    for (int i = 0; i < depth; i++) {
        at += write_head((unsigned char *)at, size, 1);
        memset(at, 0, 4);
        at += 4;
        memcpy(at, pattern + head_length, size);
        write_digits(at, number, sender->sent++);
        at += size;
    }
    sender->outstanding = (uint64_t)depth * (uint64_t)members;
    write_all(sender->peer->fd, window, (size_t)(at - window));
}

static int number_of(const char *digits) {
    int number = 0;
    for (int i = 0; i < 4; i++)
        number = number * 16 + (digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
    return number;
}

static void check_frame(struct peer *peer, const char *frame) {
    char digits[sequence_digits];
    int number = number_of(frame + head_length);
    if (number < 0 || number >= sender_count)
        fail("a message is damaged");
    write_digits(digits, number, peer->received[number]++);
    if (memcmp(frame, pattern, head_length) != 0 ||
        memcmp(frame + head_length, digits, sequence_digits) != 0 ||
        memcmp(frame + head_length + sequence_digits, pattern + head_length + sequence_digits,
               size - sequence_digits) != 0)
        fail("a message is lost, doubled, reordered or damaged");
    delivered++;
    struct sender *sender = &senders[peer->room * sender_count + number];
    if (--sender->outstanding == 0)
        send_window(sender);
}

static void receive(struct peer *peer) {
    static char bytes[receive_size];
    ssize_t count = receive_some(peer->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
        return; /* a part of a record, or what is TLS's own */
    if (count <= 0)
        fail("the server ended a connection");
    for (size_t at = 0; at < (size_t)count;) {
        size_t rest = (size_t)count - at;
        if (peer->partial == 0 && rest >= frame_length) {
            check_frame(peer, bytes + at);
            at += frame_length;
            continue;
        }
        size_t taken = frame_length - peer->partial < rest ? frame_length - peer->partial : rest;
        memcpy(peer->frame + peer->partial, bytes + at, taken);
        peer->partial += taken;
        at += taken;
        if (peer->partial == frame_length) {
            peer->partial = 0;
            check_frame(peer, peer->frame);
        }
    }
}

static void run_for(double seconds) {
    struct epoll_event events[256];
    int64_t end = nanoseconds(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9);
    while (nanoseconds(CLOCK_MONOTONIC) < end) {
        int count = epoll_wait(epoll, events, 256, 1000);
        if (count == 0)
            fail("the server is silent");
        for (int i = 0; i < count; i++)
            receive(events[i].data.ptr);
    }
}

static void open_peers(int port, int room_count, const char *path) {
    peer_count = room_count * members;
    peers = calloc((size_t)peer_count, sizeof *peers);
    senders = calloc((size_t)room_count * (size_t)sender_count, sizeof *senders);
    epoll = epoll_create1(0);
    for (int i = 0; i < peer_count; i++) {
        struct peer *peer = &peers[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
        char name[64];
        peer->room = i / members;
        snprintf(name, sizeof name, "%s%d", path, peer->room);
        peer->fd = connect_to(port, name);
        peer->frame = malloc(frame_length);
        peer->received = calloc((size_t)sender_count, sizeof *peer->received);
        if (i % members < sender_count)
            senders[peer->room * sender_count + i % members].peer = peer;
        epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event);
    }
    struct timespec joined = {0, 300000000};
    nanosleep(&joined, NULL);
}

static void measure(const char *mode, clockid_t clock, double seconds, int room_count) {
    for (int i = 0; i < room_count * sender_count; i++)
        send_window(&senders[i]);
    run_for(seconds / 4);
    uint64_t first = delivered;
    int64_t cpu = nanoseconds(clock), own = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    int64_t wall = nanoseconds(CLOCK_MONOTONIC);
    run_for(seconds);
    cpu = nanoseconds(clock) - cpu;
    own = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - own;
    wall = nanoseconds(CLOCK_MONOTONIC) - wall;
    double count = (double)(delivered - first);
    printf("{\"mode\":\"%s\",\"cpu_us\":%.3f,\"own_us\":%.3f,\"per_second\":%.0f,\"busy\":%.2f}\n", mode,
           (double)cpu / 1e3 / count, (double)own / 1e3 / count, count * 1e9 / (double)wall,
           (double)cpu / (double)wall);
}

static long resident_bytes(int pid) {
    char name[64];
    long total, resident;
    snprintf(name, sizeof name, "/proc/%d/statm", pid);
    FILE *file = fopen(name, "r");
    if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2)
        fail(name);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

int main(int count, char **arguments) {
    struct rlimit limit;
    clockid_t clock;
    if (count < 5)
        fail("usage: see the head of the source");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (strncmp(arguments[2], "wss:", 4) == 0) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_read_ahead(tls, 1);
        arguments[2] += 4;
    }
    int port = atoi(arguments[2]), pid = atoi(arguments[3]), first = atoi(arguments[4]);
    if (clock_getcpuclockid(pid, &clock) != 0)
        fail("no such process");
    members = depth = 1;
    size = sequence_digits;
    if (strcmp(arguments[1], "idle") == 0) {
        prepare_pattern();
        close(connect_to(port, "/room/warm"));
        long before = resident_bytes(pid);
        open_peers(port, first, "/room/idle-");
        printf("{\"mode\":\"idle\",\"bytes\":%ld}\n", (resident_bytes(pid) - before) / first);
        return 0;
    }
    if (strcmp(arguments[1], "connect") == 0) {
        prepare_pattern();
        close(connect_to(port, "/echo"));
        int64_t cpu = nanoseconds(clock);
        for (int i = 0; i < first; i++)
            close(connect_to(port, "/echo"));
        cpu = nanoseconds(clock) - cpu;
        printf("{\"mode\":\"connect\",\"cpu_us\":%.3f}\n", (double)cpu / 1e3 / first);
        return 0;
    }
    int is_rooms = strcmp(arguments[1], "rooms") == 0, next = 5;
    if (count != 8 + is_rooms && !(is_rooms && count == 10))
        fail("usage: see the head of the source");
    if (count == 10)
        sender_count = atoi(arguments[9]);
    if (is_rooms)
        members = atoi(arguments[next++]);
    depth = atoi(arguments[next++]);
    size = strtoul(arguments[next++], NULL, 10);
    if (sender_count < 1 || sender_count > members)
        fail("a room has at least one sender, and no more than members");
    if (size < sequence_digits)
        fail("a message has at least 16 bytes");
    prepare_pattern();
    open_peers(port, first, is_rooms ? "/room/" : "/echo?");
    measure(arguments[1], clock, atof(arguments[next]), first);
    return 0;
}
