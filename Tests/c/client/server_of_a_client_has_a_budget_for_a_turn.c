/* What a server sends to a client of ours at once is handled in several turns, in order: at most 64 messages
 * in each. The close that follows comes last. */
#include "link.h"
#include "turns.h"

enum { messages = 1500 };

static int received;

static void on_event(struct link *link, const hearth_event *event) {
    (void)link;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%d", received++);
    CHECK_NUMBER(event->data_length, strlen(wanted));
    CHECK(memcmp(event->data, wanted, strlen(wanted)) == 0);
    note_turn_message();
}

int main(void) {
    int port = 0, listener = listen_anywhere(&port);
    unsigned char *frames = malloc(messages * 16);
    size_t count = 0;
    struct link *link = link_new(port, NULL, "reconnect_max_attempts=1");
    CHECK(frames);
    link->on_event = on_event;
    for (int i = 0; i < messages; i++) {
        int length = sprintf((char *)frames + count + 2, "%d", i);
        frames[count] = 0x81;
        frames[count + 1] = (unsigned char)length;
        count += 2 + (size_t)length;
    }
    link_start(link);
    int fd = accept_open(listener);
    client_write(fd, frames, count);
    send_unmasked_close(fd, 1000, "");
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(received, messages);
    check_turns();
    close(fd);
    free(frames);
    link_free(link);
    return 0;
}
