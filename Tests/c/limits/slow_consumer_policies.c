/* At max_outbox_bytes the policy decides: the connection is closed, or the oldest, the newest, or all but the
 * latest messages are dropped and the host is told how many.
 * Variants: close drop_oldest drop_newest latest */
#include "client.h"
#include "world.h"

enum { messages = 20000, message_size = 1024 };

static int queued, dropped;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    char data[message_size] = "";
    for (int i = 0; i < messages; i++) {
        snprintf(data, sizeof data, "%d", i);
        int64_t result = hearth_connection_send(event->connection, HEARTH_BINARY, data, sizeof data);
        queued += result == 1;
        dropped += result == 0 || result == HEARTH_ERR_QUEUE_FULL;
    }
}

static void expect_closed(struct world *world, int fd) {
    struct client_frame *frame;
    while ((frame = client_receive(fd)))
        if (frame->opcode == CLIENT_CLOSE)
            client_send_close(fd, frame->data[0] << 8 | frame->data[1]);
    close(fd);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK(queued < messages);
}

/* Reads until the mark that is sent after the flood; answers how many came and what the last one was. */
static int read_flood(int fd, hearth_connection connection, int *last, int *is_contiguous) {
    int count = 0;
    *last = -1;
    *is_contiguous = 1;
    struct timeval quiet = {1, 0};
    for (char is_marked = 0;;) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet);
        char first;
        if (!is_marked && recv(fd, &first, 1, MSG_PEEK) <= 0) {
            CHECK_NUMBER(hearth_connection_send(connection, HEARTH_TEXT, "mark", 4), 1);
            is_marked = 1;
        }
        quiet.tv_sec = is_marked ? 20 : 1;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet);
        struct client_frame *frame = client_receive(fd);
        CHECK(frame);
        if (frame->opcode == CLIENT_TEXT)
            return count;
        int number = atoi((char *)frame->data);
        CHECK(number > *last);
        *is_contiguous &= number == *last + 1;
        *last = number;
        count++;
    }
}

int main(int count, char **arguments) {
    char settings[100];
    CHECK(count == 2);
    snprintf(settings, sizeof settings, "max_outbox_bytes=64KiB slow_consumer=%s", arguments[1]);
    struct world *world = world_new(settings);
    world->on_event = on_event;
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    client_send_text(fd, "flood me");
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    if (strcmp(arguments[1], "close") == 0) {
        expect_closed(world, fd);
    } else {
        int last, is_contiguous, received = read_flood(fd, connection, &last, &is_contiguous);
        CHECK(received > 0 && received < messages);
        CHECK_NUMBER(world_wait(world, HEARTH_EVENT_DROPPED, 1)->code, messages - received);
        if (strcmp(arguments[1], "drop_newest") == 0) {
            CHECK(is_contiguous);
            CHECK_NUMBER(queued, received);
            CHECK_NUMBER(dropped, messages - received);
        } else {
            CHECK_NUMBER(last, messages - 1);
            CHECK_NUMBER(queued, messages);
        }
        client_close(fd, 1000);
    }
    world_free(world);
    return 0;
}
