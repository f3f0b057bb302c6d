/* Each message that a client took for an open connection arrives: where the outbox is nearly full and a
 * compressed message becomes longer than it was, where what had waited is larger than the room that is left,
 * where the connection breaks while it is being sent, and where the server fails or closes behind what was
 * answered. Where its server stops reading no more is taken.
 * Variants: grows waits breaks answers fills */
#include "link.h"
#include "world.h"

enum { COUNT = 3500 };

static int next_number, taken;
static unsigned char noise[4096];
static int is_reset;

/* Message i has a length of its own, and nothing can make it shorter. */
static size_t length_of(int i) {
    return 1024 + (size_t)i * 37 % 700;
}

static void send_all(struct link *link, int count) {
    for (int i = 0; i < count; i++) {
        memcpy(noise, &i, sizeof i);
        int64_t id = hearth_client_send(link->client, HEARTH_BINARY, noise, length_of(i), 0);
        if (id == HEARTH_ERR_QUEUE_FULL)
            break;
        CHECK_NUMBER(id, i + 1);
        taken = i + 1;
    }
}

static void send_when_open(struct link *link, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_CLIENT_STATE && event->state == HEARTH_CLIENT_OPEN)
        send_all(link, COUNT);
}

static void expect_next(struct world *world, const hearth_event *event) {
    int number;
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    memcpy(&number, event->data, sizeof number);
    CHECK_NUMBER(number, next_number);
    CHECK_NUMBER(event->data_length, length_of(number));
    next_number++;
}

static void go_to_a_server(int are_waiting) {
    const char *settings = "compression=on compression_context_takeover=on compression_window_bits=9 "
                           "compression_level=1 max_message_size=4KiB max_outbox_bytes=8KiB";
    char own[300];
    snprintf(own, sizeof own, "%s max_queue_messages=10000 max_queue_bytes=16MiB", settings);
    struct world *world = world_new(settings);
    world->on_event = expect_next;
    struct link *link = link_new(world_start(world), NULL, own);
    if (are_waiting)
        send_all(link, COUNT);
    else
        link->on_event = send_when_open;
    link_start(link);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    for (size_t nth = 1; are_waiting; nth++)
        if (link_wait_event(link, HEARTH_EVENT_CLIENT_SENT, 0, nth)->message == COUNT)
            break;
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_OK);
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK(taken > 500);
    CHECK_NUMBER(next_number, taken);
    link_free(link);
    world_free(world);
}

static void expect_all(int fd, int count) {
    for (int i = 0; i < count; i++) {
        struct client_frame *frame = receive_masked(fd);
        int number;
        CHECK(frame && frame->length == length_of(i));
        memcpy(&number, frame->data, sizeof number);
        CHECK_NUMBER(number, i);
    }
}

static void send_until_full(struct link *link, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_CLIENT_STATE && event->state == HEARTH_CLIENT_OPEN)
        send_all(link, 1000000);
}

static void go_to_one_that_does_not_read(void) {
    int port = 0, listener = listen_anywhere(&port);
    struct link *link = link_new(port, NULL, "max_message_size=4KiB max_outbox_bytes=16KiB sent_events=off");
    hearth_client_info info = {.size = sizeof info};
    link->on_event = send_until_full;
    link_start(link);
    int fd = accept_open(listener);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    CHECK(taken > 10 && taken < 1000000);
    CHECK_NUMBER(hearth_client_get_info(link->client, &info), HEARTH_OK);
    CHECK(info.outbox_bytes <= 16384);
    CHECK_NUMBER(info.queue_messages, 0);
    expect_all(fd, taken);
    link_free(link);
    close(fd);
    close(listener);
}

/* The server is gone before the first message, and the client finds out while it sends. */
static void send_when_reset(struct link *link, const hearth_event *event) {
    if (event->type != HEARTH_EVENT_CLIENT_STATE || event->state != HEARTH_CLIENT_OPEN || taken > 0)
        return;
    while (!__atomic_load_n(&is_reset, __ATOMIC_SEQ_CST)) {
        struct timespec moment = {0, 1000000};
        nanosleep(&moment, NULL);
    }
    send_all(link, 50);
}

static void go_to_one_that_is_gone(void) {
    int port = 0, listener = listen_anywhere(&port);
    struct link *link = link_new(port, NULL, "max_message_size=2KiB max_outbox_bytes=4KiB");
    link->on_event = send_when_reset;
    link_start(link);
    reset(accept_open(listener));
    __atomic_store_n(&is_reset, 1, __ATOMIC_SEQ_CST);
    int fd = accept_open(listener);
    expect_all(fd, 50);
    CHECK_NUMBER(taken, 50);
    link_free(link);
    close(fd);
    close(listener);
}

static void answer(struct link *link, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_MESSAGE)
        CHECK(hearth_client_send(link->client, HEARTH_TEXT, event->data, event->data_length, 0) > 0);
}

/* A message, and what ends the connection, in one piece. */
static void go_to_one_that_ends(const void *bytes, size_t length, int error) {
    int port = 0, listener = listen_anywhere(&port);
    struct link *link = link_new(port, NULL, "reconnect_enabled=off");
    link->on_event = answer;
    link_start(link);
    int fd = accept_open(listener);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    client_write(fd, bytes, length);
    expect_masked_text(fd, "ask");
    struct client_frame *frame = receive_masked(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_CLOSED, 1)->error, error);
    CHECK_NUMBER(link_wait_event(link, HEARTH_EVENT_CLIENT_SENT, 0, 1)->message, 1);
    link_free(link);
    close(fd);
    close(listener);
}

int main(int count, char **arguments) {
    unsigned state = 1;
    CHECK(count == 2);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((state = state * 1103515245 + 12345) >> 16);
    if (strcmp(arguments[1], "breaks") == 0)
        go_to_one_that_is_gone();
    else if (strcmp(arguments[1], "answers") == 0) {
        go_to_one_that_ends("\x81\x03"
                            "ask\x83\x00",
                            7, HEARTH_ERR_PROTOCOL);
        go_to_one_that_ends("\x81\x03"
                            "ask\x88\x00",
                            7, HEARTH_OK);
    } else if (strcmp(arguments[1], "fills") == 0)
        go_to_one_that_does_not_read();
    else
        go_to_a_server(strcmp(arguments[1], "waits") == 0);
    return 0;
}
