/* How long a broadcast takes until the last of its receivers has it, for a server that relays to all in
 * /room/NAME.
 *
 *   latency PORT MEMBERS ROUNDS INTERVAL_US
 *
 * One member sends, and sends again INTERVAL_US after all have received. Prints one line of JSON, in
 * microseconds: it counts from before the send to after the last receive, the receiver's own calls
 * included. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { payload_size = 64, frame_size = payload_size + 2 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static int connect_to(int port) {
    static const char request[] =
        "GET /room/latency HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char answer[1024] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
        fail("send");
    for (size_t length = 0; !strstr(answer, "\r\n\r\n"); length++)
        if (length == sizeof answer - 1 || recv(fd, answer + length, 1, 0) != 1)
            fail("handshake");
    if (!strstr(answer, " 101 "))
        fail("refused");
    return fd;
}

/* One message to all. Answers when the last had it. */
static int64_t run_round(int epoll, const int *fds, size_t *received, int members) {
    static const char frame[6 + payload_size] = {(char)0x82, (char)(0x80 | payload_size)};
    struct epoll_event events[256];
    int64_t start = now_us();
    memset(received, 0, (size_t)members * sizeof *received);
    if (send(fds[0], frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame)
        fail("send");
    for (int done = 0; done < members;) {
        int count = epoll_wait(epoll, events, 256, 10000);
        if (count <= 0)
            fail("nothing comes");
        for (int i = 0; i < count; i++) {
            char bytes[frame_size];
            uint32_t member = events[i].data.u32;
            ssize_t length = recv(fds[member], bytes, frame_size - received[member], MSG_DONTWAIT);
            if (length <= 0)
                fail("recv");
            received[member] += (size_t)length;
            done += received[member] == frame_size;
        }
    }
    return now_us() - start;
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

int main(int argument_count, char **arguments) {
    if (argument_count != 5) {
        fprintf(stderr, "usage: latency PORT MEMBERS ROUNDS INTERVAL_US\n");
        return 2;
    }
    int members = atoi(arguments[2]), rounds = atoi(arguments[3]), epoll = epoll_create1(0);
    int *fds = calloc((size_t)members, sizeof *fds);
    size_t *received = calloc((size_t)members, sizeof *received);
    int64_t *times = calloc((size_t)rounds, sizeof *times);
    for (int i = 0; i < members; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        fds[i] = connect_to(atoi(arguments[1]));
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) != 0)
            fail("epoll_ctl");
    }
    for (int i = 0; i < rounds; i++) {
        times[i] = run_round(epoll, fds, received, members);
        usleep((useconds_t)atoi(arguments[4]));
    }
    qsort(times, (size_t)rounds, sizeof *times, compare);
    printf("{\"members\":%d,\"rounds\":%d,", members, rounds);
    printf("\"p50_us\":%lld,", (long long)times[rounds / 2]);
    printf("\"p99_us\":%lld,", (long long)times[rounds * 99 / 100]);
    printf("\"max_us\":%lld}\n", (long long)times[rounds - 1]);
    return 0;
}
