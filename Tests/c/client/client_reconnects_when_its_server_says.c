/* When a client comes back is its server's to say: Retry-After and the hint of a close reason win, and close
 * codes and statuses decide whether it comes at all, unless the program says otherwise. A poke makes it come
 * now. */
#include "link.h"

enum { HOUR_MS = 3600000 };

static struct happening *again(struct link *link, size_t nth) {
    return link_wait(link, HEARTH_CLIENT_RECONNECTING, nth);
}

static void accept_and_close(int listener, int code, const char *reason) {
    int fd = accept_open(listener);
    send_unmasked_close(fd, code, reason);
    struct client_frame *frame = receive_masked(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE);
    close(fd);
}

static void refuse(int listener, const char *answer) {
    char request[8192];
    int fd = accept_one(listener);
    read_request(fd, request, sizeof request);
    client_write_text(fd, answer);
    shutdown(fd, SHUT_WR);
    client_read(fd, request, 1);
    close(fd);
}

static void hints_win(int listener, int port) {
    struct link *link = link_new(port, NULL, "reconnect_max_attempts=0");
    link_start(link);
    refuse(listener, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
    struct happening *event = again(link, 1);
    CHECK_NUMBER(event->error, HEARTH_ERR_UNAVAILABLE);
    CHECK_NUMBER(event->status, 503);
    CHECK(event->delay_ms >= HOUR_MS);
    CHECK_NUMBER(hearth_client_poke(link->client), HEARTH_OK);
    accept_and_close(listener, 1012, "retry=3600000;why=deploy");
    event = again(link, 2);
    CHECK_NUMBER(event->code, 1012);
    CHECK_TEXT(event->data, "retry=3600000;why=deploy");
    CHECK((event->flags & HEARTH_EVENT_BY_PEER) && (event->flags & HEARTH_EVENT_CLEAN));
    CHECK_NUMBER(event->delay_ms, HOUR_MS);
    CHECK_NUMBER(hearth_client_poke(link->client), HEARTH_OK);
    accept_and_close(listener, 1001, "");
    CHECK(again(link, 3)->delay_ms < HOUR_MS);
    /* It waits, or tries, and is not connected: its end is deliberate, and final. */
    CHECK_NUMBER(hearth_client_close(link->client, 4321, "enough"), HEARTH_OK);
    event = link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(event->code, 4321);
    CHECK_TEXT(event->data, "enough");
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_ERR_STATE);
    link_free(link);
}

static void expect_end(int listener, int port, const char *settings, int code) {
    struct link *link = link_new(port, NULL, settings);
    link_start(link);
    accept_and_close(listener, code, "");
    struct happening *event = link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(event->code, code);
    CHECK_NUMBER(link_count(link, HEARTH_EVENT_CLIENT_STATE, HEARTH_CLIENT_RECONNECTING), 0);
    link_free(link);
}

static void expect_return(int listener, int port, const char *settings, int code) {
    struct link *link = link_new(port, NULL, settings);
    link_start(link);
    accept_and_close(listener, code, "");
    CHECK_NUMBER(again(link, 1)->code, code);
    int fd = accept_open(listener);
    link_wait(link, HEARTH_CLIENT_OPEN, 2);
    link_free(link);
    close(fd);
}

static void codes_decide(int listener, int port) {
    const int final[] = {1000, 1002, 1003, 1008, 4500, 4999},
              passing[] = {1001, 1011, 1012, 1013, 4100, 3000};
    for (size_t i = 0; i < sizeof final / sizeof final[0]; i++)
        expect_end(listener, port, "", final[i]);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        expect_return(listener, port, "", passing[i]);
    expect_end(listener, port, "stop_on=1012,4000-4199", 1012);
    expect_end(listener, port, "stop_on=1012,4000-4199", 4150);
    expect_return(listener, port, "reconnect_on=1000,4500-4600", 1000);
    expect_return(listener, port, "reconnect_on=1000,4500-4600", 4600);
}

/* One that accepts and closes at once has its attempts counted: a mere opening begins nothing anew. */
static void attempts_end(int listener, int port) {
    struct link *link = link_new(port, NULL, "reconnect_max_attempts=3 reconnect_policy=fixed");
    link_start(link);
    for (uint32_t attempt = 1; attempt <= 4; attempt++) {
        accept_and_close(listener, 1012, "");
        if (attempt < 4)
            CHECK_NUMBER(again(link, attempt)->attempt, attempt);
    }
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_CLOSED, 1)->code, 1012);
    link_free(link);
}

int main(void) {
    int port = 0, listener = listen_anywhere(&port);
    hints_win(listener, port);
    codes_decide(listener, port);
    attempts_end(listener, port);
    close(listener);
    return 0;
}
