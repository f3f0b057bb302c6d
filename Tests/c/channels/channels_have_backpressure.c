/* A channel that acknowledges has at most 64 KiB of each connection in its hands; what waits behind counts
 * against max_outbox_bytes, and the policy decides. The same where the host fetches no events.
 * Variants: acknowledged unfetched too_slow */
#include "driven.h"

static size_t told, told_bytes;
static int last;

static void carry(void *context, const hearth_event *event) {
    (void)context;
    if (event->type != HEARTH_EVENT_CHANNEL_SEND)
        return;
    CHECK_NUMBER(event->connections_length, 1);
    told++;
    told_bytes += event->data_length;
    memcpy(&last, event->data, sizeof last);
}

static void send_numbered(hearth_connection connection, int number) {
    static char data[10000];
    memcpy(data, &number, sizeof number);
    int64_t queued = hearth_connection_send(connection, HEARTH_BINARY, data, sizeof data);
    CHECK(queued >= 0 || queued == HEARTH_ERR_QUEUE_FULL || queued == HEARTH_ERR_GONE);
}

static void check_unfetched(void) {
    hearth_event events[64];
    hearth_connection connection;
    hearth_channel_peer peer = {.size = sizeof peer, .path = "/"};
    size_t sends = 0;
    struct world *world = world_new("max_event_queue=4 slow_consumer=drop_newest max_outbox_bytes=100KiB "
                                    "max_message_size=10KiB");
    CHECK_NUMBER(hearth_server_channel(world->server, "bot", NULL, NULL, NULL, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    CHECK_NUMBER(hearth_server_connect_channel(world->server, "bot", &peer, &connection), HEARTH_OK);
    for (int i = 0; i < 100; i++) {
        send_numbered(connection, i);
        usleep(1000);
    }
    /* Five to ten events wait, ten messages are in the outbox, the others were dropped. */
    int64_t found = 0;
    for (int quiet = 0; quiet<20; quiet = found> 0 ? 0 : quiet + 1) {
        found = hearth_engine_poll(world->engine, events, sizeof(hearth_event), 64, 50);
        for (int64_t i = 0; i < found; i++)
            sends += events[i].type == HEARTH_EVENT_CHANNEL_SEND;
    }
    CHECK(sends >= 10 && sends < 30);
    world_free(world);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    if (strcmp(arguments[1], "unfetched") == 0) {
        check_unfetched();
        return 0;
    }
    int is_closing = strcmp(arguments[1], "too_slow") == 0;
    hearth_connection connection;
    hearth_channel_peer peer = {.size = sizeof peer, .path = "/"};
    struct world *world =
        world_new(is_closing ? "max_outbox_bytes=100KiB max_message_size=10KiB close_timeout=30s"
                             : "slow_consumer=drop_oldest max_outbox_bytes=100KiB max_message_size=10KiB");
    CHECK_NUMBER(hearth_server_channel(world->server, "bot", "acknowledge=on", carry, NULL, NULL), HEARTH_OK);
    world_drive(world);
    CHECK_NUMBER(hearth_server_connect_channel(world->server, "bot", &peer, &connection), HEARTH_OK);
    for (int i = 0; i < 12; i++)
        send_numbered(connection, i);
    TURN_UNTIL(world, told == 7);
    world_turn(world);
    CHECK_NUMBER(told_bytes, 70000);
    for (int i = 12; i < 30; i++)
        hearth_connection_send(connection, HEARTH_TEXT, "", 0), send_numbered(connection, i);
    if (is_closing) {
        CHECK_NUMBER(world_turn_until(world, HEARTH_EVENT_CLOSE, 1)->code, 4102);
        world_free(world);
        return 0;
    }
    world_turn(world);
    CHECK_NUMBER(told, 7);
    /* Half of it is not enough, one byte below the bound is. */
    CHECK_NUMBER(hearth_channel_sent(connection, 4464), HEARTH_OK);
    world_turn(world);
    CHECK_NUMBER(told, 7);
    CHECK_NUMBER(hearth_channel_sent(connection, 1), HEARTH_OK);
    TURN_UNTIL(world, told > 7);
    CHECK(world_turn_until(world, HEARTH_EVENT_DROPPED, 1)->code > 0);
    while (last != 29) {
        CHECK_NUMBER(hearth_channel_sent(connection, told_bytes), HEARTH_OK);
        told_bytes = 0;
        world_turn(world);
    }
    world_free(world);
    return 0;
}
