/* probe_wait HOSTILE: how long an echo takes for one peer while so many others send messages that inflate a
 * thousandfold. Prints the longest and the median wait in milliseconds. */
#define _GNU_SOURCE
#include <stdint.h>
#include "../c/support/client.h"
#include "../c/support/world.h"
#include <zlib.h>

enum { BOMB = 1 << 20, BOMBS = 264, PROBES = 2000 };

static unsigned char flood[BOMBS * 1200];
static size_t flood_size;
static int port, done;

static void *attack(void *unused) {
    char head[8192];
    int fd = client_connect(port);
    (void)unused;
    CHECK(client_upgrade(fd, "/hostile",
                         "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n", head,
                         sizeof head) == 101);
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED))
        if (send(fd, flood, flood_size, MSG_NOSIGNAL) <= 0)
            break;
    close(fd);
    return NULL;
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void ignore(void *context, const hearth_event *event) {
    (void)context;
    if (event->type == HEARTH_EVENT_MESSAGE && event->data_length < 10)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
}

int main(int count, char **arguments) {
    int hostile = count > 1 ? atoi(arguments[1]) : 1, probes = count > 2 ? atoi(arguments[2]) : PROBES;
    unsigned char *zeros = calloc(1, BOMB), *compressed = malloc(1 << 16);
    double *waits = calloc((size_t)probes, sizeof *waits);
    pthread_t threads[64];
    CHECK(zeros && compressed && waits && hostile < 64);
    for (int i = 0; i < BOMBS; i++) {
        z_stream stream = {0};
        CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        stream.next_in = zeros, stream.avail_in = BOMB;
        stream.next_out = compressed, stream.avail_out = 1 << 16;
        CHECK(deflate(&stream, Z_SYNC_FLUSH) == Z_OK);
        size_t length = (1 << 16) - stream.avail_out - 4;
        unsigned char frame[8] = {0xC2, 0xFE, (unsigned char)(length >> 8), (unsigned char)length};
        memcpy(flood + flood_size, frame, 8);
        memcpy(flood + flood_size + 8, compressed, length);
        flood_size += 8 + length;
        deflateEnd(&stream);
    }
    struct world *world = world_new("compression=on");
    hearth_server_on_event(world->server, ignore, world);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    port = hearth_server_port(world->server);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int probe = client_open(port, "/");
    for (int i = 0; i < hostile; i++)
        CHECK(pthread_create(&threads[i], NULL, attack, NULL) == 0);
    usleep(200000);
    for (int i = 0; i < probes; i++) {
        double before = milliseconds();
        client_send_text(probe, "probe");
        struct client_frame *frame;
        do
            CHECK(frame = client_receive(probe));
        while (frame->opcode != CLIENT_TEXT);
        waits[i] = milliseconds() - before;
    }
    qsort(waits, (size_t)probes, sizeof *waits, compare);
    printf("%d hostile: longest %.1f ms, median %.1f ms\n", hostile, waits[probes - 1], waits[probes / 2]);
    __atomic_store_n(&done, 1, __ATOMIC_RELAXED);
    fflush(stdout);
    _exit(0);
}
