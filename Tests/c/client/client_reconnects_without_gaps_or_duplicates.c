/* A client whose connection is cut comes back; what was sent meanwhile goes out in order and is reported. */
#include "link.h"

enum { CUTS = 20, EACH = 50 };

static int sent, seen;

static void send_some(struct link *link) {
    char text[32];
    for (int i = 0; i < EACH; i++, sent++) {
        snprintf(text, sizeof text, "%d", sent);
        CHECK_NUMBER(link_send(link, text), sent + 1);
    }
}

static void see_all(int fd) {
    char text[32];
    while (seen < sent) {
        snprintf(text, sizeof text, "%d", seen++);
        expect_masked_text(fd, text);
    }
}

static void look_at_what_waits(struct link *link) {
    uint64_t waiting[EACH];
    uint32_t opcode = 0;
    char text[32];
    CHECK_NUMBER(hearth_client_queue(link->client, waiting, EACH), EACH);
    CHECK_NUMBER(waiting[0], 1);
    CHECK_NUMBER(waiting[EACH - 1], EACH);
    CHECK_NUMBER(hearth_client_queue_message(link->client, 12, &opcode, text, sizeof text), 2);
    CHECK(memcmp(text, "11", 2) == 0 && opcode == HEARTH_TEXT);
    CHECK_NUMBER(hearth_client_queue_message(link->client, 51, NULL, NULL, 0), HEARTH_ERR_NOT_FOUND);
}

int main(void) {
    int port = 0, listener = listen_anywhere(&port);
    struct link *link = link_new(port, NULL, "reconnect_max_attempts=0");
    hearth_client_info info = {.size = sizeof info};
    uint64_t last = 0;
    send_some(link);
    look_at_what_waits(link);
    link_start(link);
    for (size_t cut = 1; cut <= CUTS; cut++) {
        int fd = accept_open(listener);
        link_wait(link, HEARTH_CLIENT_OPEN, cut);
        see_all(fd);
        reset(fd);
        struct happening *again = link_wait(link, HEARTH_CLIENT_RECONNECTING, cut);
        CHECK_NUMBER(again->error, HEARTH_ERR_LOST);
        CHECK_NUMBER(again->code, 1006);
        send_some(link);
    }
    int fd = accept_open(listener);
    see_all(fd);
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_OK);
    struct client_frame *frame = receive_masked(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE);
    send_unmasked_close(fd, 1000, "");
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(hearth_client_get_info(link->client, &info), HEARTH_OK);
    CHECK_NUMBER(info.messages_sent, sent);
    CHECK_NUMBER(info.messages_dropped, 0);
    CHECK_NUMBER(info.queue_messages, 0);
    CHECK_NUMBER(info.opens, CUTS + 1);
    for (size_t i = 0; i < link->count; i++) {
        if (link->happenings[i].type != HEARTH_EVENT_CLIENT_SENT)
            continue;
        CHECK(link->happenings[i].message > last);
        last = link->happenings[i].message;
    }
    CHECK_NUMBER(last, sent);
    close(fd);
    link_free(link);
    close(listener);
    return 0;
}
