/* What waits for a connection is bounded by count, bytes and age, and everything dropped is reported with its
 * reason; a rate paces what goes out, and batches are arrays. */
#include "link.h"

static void expect_drops(struct link *link, size_t count, uint64_t first, int reason) {
    for (size_t i = 0; i < count; i++) {
        struct happening *dropped = link_wait_event(link, HEARTH_EVENT_CLIENT_DROPPED, 0, i + 1);
        CHECK_NUMBER(dropped->message, first + i);
        CHECK_NUMBER(dropped->code, reason);
    }
}

static struct link *waiting(const char *settings, int port) {
    struct link *link = link_new(port, NULL, settings);
    link_start(link);
    link_wait(link, HEARTH_CLIENT_RECONNECTING, 1);
    return link;
}

static void bounds(int port) {
    struct link *link = waiting("max_queue_messages=3 max_queue_bytes=10 reconnect_max_attempts=0", port);
    CHECK_NUMBER(link_send(link, "12345678"), 1);
    CHECK_NUMBER(link_send(link, "123"), HEARTH_ERR_QUEUE_FULL);
    CHECK(link_send(link, "1") > 0);
    CHECK(link_send(link, "1") > 0);
    CHECK_NUMBER(link_send(link, ""), HEARTH_ERR_QUEUE_FULL);
    CHECK_NUMBER(hearth_client_send(link->client, HEARTH_TEXT, "", 0, HEARTH_SEND_NO_QUEUE),
                 HEARTH_ERR_NOT_OPEN);
    CHECK_NUMBER(hearth_client_send(link->client, HEARTH_TEXT, "", 0, 2), HEARTH_ERR_INVALID);
    hearth_client_info info = {.size = sizeof info};
    CHECK_NUMBER(hearth_client_get_info(link->client, &info), HEARTH_OK);
    CHECK_NUMBER(info.queue_messages, 3);
    CHECK_NUMBER(info.queue_bytes, 10);
    CHECK_NUMBER(hearth_client_queue_clear(link->client), 3);
    link_wait_event(link, HEARTH_EVENT_CLIENT_DROPPED, 0, 3);
    CHECK_NUMBER(link_wait_event(link, HEARTH_EVENT_CLIENT_DROPPED, 0, 1)->code, HEARTH_DROP_CLEARED);
    link_free(link);
}

static void oldest(int port) {
    struct link *link = waiting("max_queue_messages=3 queue_full=drop_oldest reconnect_max_attempts=0", port);
    for (int i = 0; i < 7; i++) {
        CHECK_NUMBER(link_send(link, "x"), i + 1);
        link_count(link, 0, 0);
        struct timespec moment = {0, 5000000};
        nanosleep(&moment, NULL);
    }
    expect_drops(link, 4, 1, HEARTH_DROP_COUNT);
    link_free(link);
}

static void age(int port) {
    struct link *link = waiting("max_queue_age=100ms reconnect_max_attempts=0", port);
    CHECK_NUMBER(link_send(link, "a"), 1);
    CHECK_NUMBER(link_send(link, "b"), 2);
    expect_drops(link, 2, 1, HEARTH_DROP_AGE);
    link_free(link);
}

static void none(int port) {
    struct link *link = waiting("max_queue_messages=0 reconnect_max_attempts=0", port);
    CHECK_NUMBER(link_send(link, "a"), HEARTH_ERR_NOT_OPEN);
    link_free(link);
}

static void rate_and_batches(void) {
    int port = 0, listener = listen_anywhere(&port);
    struct timespec start, end;
    struct link *link = link_new(port, NULL, "queue_flush_rate=50");
    char text[16];
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        CHECK(link_send(link, text) > 0);
    }
    link_start(link);
    int fd = accept_open(listener);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        expect_masked_text(fd, text);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    /* Nine intervals of 20 milliseconds at the least; only too fast is wrong. */
    CHECK((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >= 150);
    link_free(link);
    close(fd);

    link = link_new(port, NULL, "batch_interval=30ms max_batch_messages=3 json_ping=on");
    CHECK(link_send(link, "{\"n\":0}") > 0);
    link_start(link);
    fd = accept_open(listener);
    expect_masked_text(fd, "[{\"n\":0}]");
    for (int i = 1; i <= 4; i++) {
        snprintf(text, sizeof text, "%d", i);
        CHECK(link_send(link, text) > 0);
    }
    expect_masked_text(fd, "[1,2,3]");
    expect_masked_text(fd, "[4]");
    CHECK(link_send(link, "true") > 0);
    CHECK(link_send(link, "not JSON") > 0);
    expect_masked_text(fd, "[true]");
    expect_masked_text(fd, "not JSON");
    CHECK_NUMBER(link_wait_event(link, HEARTH_EVENT_CLIENT_SENT, 0, 1)->message, 1);
    send_unmasked(fd, 0x81, "{\"type\":\"ping\"}", 15);
    expect_masked_text(fd, "{\"type\":\"pong\"}");
    send_unmasked(fd, 0x81, "{\"type\":\"pings\"}", 16);
    CHECK_TEXT(link_wait_message(link, 1)->data, "{\"type\":\"pings\"}");
    /* A poke asks the server whether it is there. */
    CHECK_NUMBER(hearth_client_poke(link->client), HEARTH_OK);
    struct client_frame *frame = receive_masked(fd);
    CHECK(frame && frame->opcode == CLIENT_PING);
    send_unmasked(fd, 0x8A, frame->data, frame->length);
    hearth_client_info info = {.size = sizeof info, .latency_us = -1};
    for (int i = 0; i < 2000 && info.latency_us < 0; i++) {
        struct timespec moment = {0, 5000000};
        nanosleep(&moment, NULL);
        hearth_client_get_info(link->client, &info);
    }
    CHECK(info.latency_us >= 0);
    link_free(link);
    close(fd);
    close(listener);
}

int main(void) {
    int port = 0;
    close(listen_anywhere(&port));
    bounds(port);
    oldest(port);
    age(port);
    none(port);
    rate_and_batches();
    return 0;
}
