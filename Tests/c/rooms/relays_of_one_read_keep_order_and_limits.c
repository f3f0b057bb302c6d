/* What one read brings for a room reaches every member once and in order, with what stands between the
 * messages in its place; and a member that has no room for all of it gets as much as its policy says.
 * Variants: order close drop_oldest drop_newest latest */
#include "client.h"
#include "world.h"
#include <stdatomic.h>

enum { BURSTS = 400, BURST = 50, MESSAGE_BYTES = 1000, LARGE_BYTES = 40000 };

static unsigned char frames[BURST * (MESSAGE_BYTES + 8) + LARGE_BYTES + 1000];
static size_t frames_count;

/* Masked with zeros, so that the payload stands in it as it is. */
static void put(int first, const void *data, size_t length) {
    unsigned char *end = frames + frames_count;
    *end++ = (unsigned char)first;
    if (length < 126) {
        *end++ = (unsigned char)(0x80 | length);
    } else {
        *end++ = 0x80 | 126;
        *end++ = (unsigned char)(length >> 8);
        *end++ = (unsigned char)length;
    }
    memset(end, 0, 4);
    memcpy(end + 4, data, length);
    frames_count = (size_t)(end + 4 + length - frames);
}

static void expect(int fd, int opcode, const char *start, size_t length) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame);
    CHECK_NUMBER(frame->opcode, opcode);
    CHECK_NUMBER(frame->length, length);
    CHECK(memcmp(frame->data, start, strlen(start)) == 0);
}

static void order(struct world *world, int port) {
    static char large[LARGE_BYTES] = "large";
    int sender = client_open(port, "/room/a"), other = client_open(port, "/room/a");
    world_wait(world, HEARTH_EVENT_JOINED, 2);
    put(0x81, "0", 1);
    put(0x81, "1", 1);
    put(0x89, "ping", 4);
    put(0x82, "2", 1);
    put(0x82, large, sizeof large);
    put(0x81, "3", 1);
    put(0x01, "4 in ", 5);
    put(0x80, "parts", 5);
    put(0x81, "5", 1);
    put(0x81, "6", 1);
    put(0x88, "\x03\xe8", 2);
    client_write(sender, frames, frames_count);
    for (int i = 0; i < 2; i++) {
        int fd = i ? other : sender;
        expect(fd, 1, "0", 1);
        expect(fd, 1, "1", 1);
        if (fd == sender)
            expect(fd, 10, "ping", 4);
        expect(fd, 2, "2", 1);
        expect(fd, 2, "large", sizeof large);
        expect(fd, 1, "3", 1);
        expect(fd, 1, "4 in parts", 10);
        expect(fd, 1, "5", 1);
        expect(fd, 1, "6", 1);
    }
    client_expect_close(sender, 1000);
    close(sender);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    client_close(other, 1000);
}

static atomic_int dropped;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_DROPPED)
        dropped += event->code;
}

/* One member does not read while two exchange bursts, each larger than a message and smaller than an
 * outbox. */
static void limits(struct world *world, int port, const char *policy) {
    static char text[MESSAGE_BYTES];
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = client_open(port, "/room/a");
    world_wait(world, HEARTH_EVENT_JOINED, 3);
    for (int burst = 0; burst < BURSTS; burst++) {
        frames_count = 0;
        for (int i = 0; i < BURST; i++) {
            snprintf(text, sizeof text, "%d", burst * BURST + i);
            put(0x82, text, sizeof text);
        }
        client_write(fds[0], frames, frames_count);
        for (int member = 0; member < 2; member++)
            for (int i = 0; i < BURST; i++) {
                snprintf(text, sizeof text, "%d", burst * BURST + i);
                expect(fds[member], 2, text, sizeof text);
            }
    }
    int stalled = fds[2], received = 0, last = -1, is_contiguous = 1, is_marked = 0;
    for (;;) {
        struct timeval patience = {is_marked ? 20 : 1, 0};
        char first;
        setsockopt(stalled, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (!is_marked && recv(stalled, &first, 1, MSG_PEEK) < 0) {
            client_send_text(fds[0], "mark");
            is_marked = 1;
            continue;
        }
        struct client_frame *frame = client_receive(stalled);
        CHECK(frame);
        if (frame->opcode != 2) {
            CHECK_NUMBER(frame->opcode, strcmp(policy, "close") == 0 ? 8 : 1);
            break;
        }
        int number = atoi((char *)frame->data);
        CHECK(number > last);
        is_contiguous &= number == last + 1;
        last = number;
        received++;
    }
    CHECK(received < BURSTS * BURST);
    if (strcmp(policy, "close") == 0) {
        CHECK(is_contiguous);
        return;
    }
    for (int i = 0; i < 1000 && dropped + received < BURSTS * BURST; i++)
        usleep(10000);
    CHECK_NUMBER(dropped + received, BURSTS * BURST);
    if (strcmp(policy, "drop_newest") == 0)
        CHECK(is_contiguous);
    else
        CHECK_NUMBER(last, BURSTS * BURST - 1);
}

int main(int count, char **arguments) {
    char settings[200];
    CHECK(count == 2);
    const char *policy = strcmp(arguments[1], "order") == 0 ? "close" : arguments[1];
    snprintf(settings, sizeof settings, "max_message_size=64KiB max_outbox_bytes=%s slow_consumer=%s",
             strcmp(arguments[1], "order") == 0 ? "1MiB" : "64KiB", policy);
    struct world *world = world_new(settings);
    world->on_event = on_event;
    world_route(world, "/room/{room}", "join=auto,relay=all");
    int port = world_start(world);
    if (strcmp(arguments[1], "order") == 0)
        order(world, port);
    else
        limits(world, port, policy);
    world_free(world);
    return 0;
}
