/* What tests of the json dialect say: texts that a peer gets, in order. */
#ifndef EVENTS_H
#define EVENTS_H

#include "client.h"
#include "world.h"

/* The next text frame, NUL-terminated; good until the next call. */
static inline const char *next_text(int fd) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame);
    CHECK_NUMBER(frame->opcode, CLIENT_TEXT);
    CHECK(frame->length < sizeof frame->data);
    frame->data[frame->length] = '\0';
    return (const char *)frame->data;
}

static inline void expect_text(int fd, const char *text) {
    CHECK_TEXT(next_text(fd), text);
}

/* Sends a ping and expects that its answer is the next thing that comes: nothing else was on the way. */
static inline void expect_nothing(int fd) {
    client_send_text(fd, "{\"type\":\"ping\"}");
    expect_text(fd, "{\"type\":\"pong\"}");
}

static inline void expect_error(int fd, const char *code) {
    char start[128];
    snprintf(start, sizeof start, "{\"type\":\"error\",\"code\":\"%s\",\"message\":\"", code);
    const char *text = next_text(fd);
    if (strncmp(text, start, strlen(start)) != 0)
        fprintf(stderr, "%s is not %s\n", text, start);
    CHECK(strncmp(text, start, strlen(start)) == 0);
}

static inline void expect_close(int fd, int code) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame);
    CHECK_NUMBER(frame->opcode, CLIENT_CLOSE);
    CHECK(frame->length >= 2);
    CHECK_NUMBER(frame->data[0] << 8 | frame->data[1], code);
}

#endif
