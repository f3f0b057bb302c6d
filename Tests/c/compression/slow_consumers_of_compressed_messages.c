/* At max_outbox_bytes the policy decides about compressed messages as about others: whole ones are
 * dropped, and what arrives can be inflated.
 * Variants: drop_oldest drop_newest latest takeover */
#include "deflate.h"
#include "world.h"

enum { messages = 20000, message_size = 3000 };

static int queued;

static void on_event(struct world *world, const hearth_event *event) {
    static char text[message_size + 1];
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    unsigned state = 1;
    for (int i = 0; i < messages; i++) {
        int at = sprintf(text, "%d ", i);
        for (; at < message_size; at++) {
            state = state * 1103515245 + 12345;
            text[at] = "0123456789abcdef"[state >> 28];
        }
        queued += hearth_connection_send(event->connection, HEARTH_TEXT, text, message_size) == 1;
    }
}

int main(int count, char **arguments) {
    char settings[200];
    CHECK(count == 2);
    int closes = strcmp(arguments[1], "takeover") == 0;
    snprintf(settings, sizeof settings,
             "compression=on compression_context_takeover=%s max_outbox_bytes=64KiB slow_consumer=%s "
             "max_message_size=4096",
             closes ? "on" : "off", closes ? "close" : arguments[1]);
    struct world *world = world_new(settings);
    world->on_event = on_event;
    struct peer *peer = peer_open(world_start(world), "/", "permessage-deflate",
                                  closes ? "permessage-deflate"
                                         : "permessage-deflate; server_no_context_takeover; "
                                           "client_no_context_takeover");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    client_send_text(peer->fd, "flood me");
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    int received = 0, last = -1, is_compressed;
    if (!closes)
        hearth_connection_send(connection, HEARTH_TEXT, "the end", 7);
    while ((is_compressed = peer_receive(peer)) == 1) {
        int number = atoi((char *)peer->data);
        CHECK_NUMBER(peer->length, message_size);
        CHECK(number > last);
        last = number;
        received++;
    }
    CHECK(received > 0 && received < messages);
    if (closes) {
        CHECK(is_compressed == 0 && peer->frame->opcode == CLIENT_CLOSE);
        client_send_close(peer->fd, peer->data[0] << 8 | peer->data[1]);
        client_expect_end(peer->fd);
        world_wait(world, HEARTH_EVENT_CLOSE, 1);
        peer_free(peer);
    } else {
        /* Also the mark may have been dropped, as the newest. */
        CHECK(strcmp(arguments[1], "drop_newest") == 0 || last == messages - 1);
        peer_close(peer);
    }
    world_free(world);
    return 0;
}
