/* Connections of a channel that the host brings have routes, users, rooms, relays, limits and one OPEN and
 * one CLOSE, beside those with a socket; what is sent to them comes as CHANNEL_SEND events, in order, before
 * their CLOSE.
 * Variants: events callback */
#include "driven.h"

static struct {
    size_t count;
    struct {
        hearth_connection connections[8];
        size_t length;
        char data[64];
        uint32_t type, opcode;
        int code;
    } sends[256];
} carried;
static void *last_context;

static void carry(void *context, const hearth_event *event) {
    last_context = context;
    CHECK(event->type == HEARTH_EVENT_CHANNEL_SEND || event->type == HEARTH_EVENT_CLOSE);
    CHECK(carried.count < 256);
    size_t at = carried.count++;
    carried.sends[at].type = event->type;
    carried.sends[at].opcode = event->opcode;
    carried.sends[at].code = event->code;
    carried.sends[at].length = event->connections_length;
    CHECK(event->connections_length <= 8);
    for (size_t i = 0; i < event->connections_length; i++)
        carried.sends[at].connections[i] = event->connections[i];
    snprintf(carried.sends[at].data, sizeof carried.sends[at].data, "%.*s", (int)event->data_length,
             (const char *)event->data);
}

static void on_event(struct world *world, const hearth_event *event) {
    const char *id = event->type == HEARTH_EVENT_OPEN ? hearth_event_capture(event, "room") : NULL;
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN && event->flags & HEARTH_EVENT_CHANNEL)
        CHECK(strcmp(id, "a b") == 0 && strcmp(hearth_event_header(event, "x-from"), "bot") == 0);
    if (event->type == HEARTH_EVENT_CHANNEL_SEND)
        carry(NULL, event);
}

static int check(void *context, const char *recipient) {
    (void)context;
    return strcmp(recipient, "nobody") == 0 ? HEARTH_ERR_NOT_FOUND : HEARTH_OK;
}

static hearth_connection join(struct world *world, const char *recipient, const char *user) {
    hearth_connection connection = 0;
    hearth_channel_peer peer = {.size = sizeof peer, .recipient = recipient, .path = "/rooms/a%20b"};
    peer.query = "x=1";
    peer.headers = "X-From: bot\r\n";
    peer.user = user;
    peer.address = "203.0.113.9";
    peer.connection_context = world;
    CHECK_NUMBER(hearth_server_connect_channel(world->server, "bot", &peer, &connection), HEARTH_OK);
    CHECK(connection != 0);
    return connection;
}

static void refused(struct world *world, const char *path, const char *recipient, const char *address,
                    const char *headers, int wanted) {
    hearth_connection connection = 0;
    hearth_channel_peer peer = {.size = sizeof peer, .recipient = recipient, .path = path};
    peer.address = address;
    peer.headers = headers;
    CHECK_NUMBER(hearth_server_connect_channel(world->server, "bot", &peer, &connection), wanted);
    CHECK(connection == 0);
}

static struct world *prepare(int has_callback) {
    struct world *world = world_new("max_connections_per_user=2 max_message_size=1000");
    hearth_connection unused;
    hearth_channel_peer nothing = {.size = sizeof nothing, .path = "/"};
    hearth_server *server = world->server;
    CHECK_NUMBER(hearth_server_connect_channel(server, "bot", &nothing, &unused), HEARTH_ERR_NOT_FOUND);
    CHECK_NUMBER(hearth_server_channel(server, "bot", "speed=on", NULL, NULL, NULL), HEARTH_ERR_UNKNOWN_KEY);
    CHECK_NUMBER(hearth_server_channel(server, "bot", "liveness=maybe", NULL, NULL, NULL),
                 HEARTH_ERR_INVALID_VALUE);
    CHECK_NUMBER(hearth_server_channel(server, "", NULL, NULL, NULL, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_channel(server, "bot", NULL, has_callback ? carry : NULL, check, &carried),
                 HEARTH_OK);
    CHECK_NUMBER(hearth_server_channel(server, "bot", NULL, NULL, NULL, NULL), HEARTH_ERR_STATE);
    world_route(world, "/rooms/{room}", "join=auto,relay=others,event=on,accept=ask");
    CHECK_NUMBER(hearth_server_connect_channel(server, "bot", &nothing, &unused), HEARTH_ERR_STATE);
    world->on_event = on_event;
    world_drive(world);
    return world;
}

static void check_refusals(struct world *world) {
    refused(world, "/elsewhere", "1", NULL, NULL, HEARTH_ERR_NOT_FOUND);
    refused(world, "/rooms/a%", "1", NULL, NULL, HEARTH_ERR_INVALID);
    refused(world, "rooms/a", "1", NULL, NULL, HEARTH_ERR_INVALID);
    refused(world, "/rooms/a b", "1", NULL, NULL, HEARTH_ERR_INVALID);
    refused(world, "/rooms/a", "nobody", NULL, NULL, HEARTH_ERR_NOT_FOUND);
    refused(world, "/rooms/a", "1", "here", NULL, HEARTH_ERR_INVALID);
    refused(world, "/rooms/a", "1", NULL, "X-From: a\r\n\r\nGET / HTTP/1.1\r\n", HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_connection_count(world->server), 0);
}

static void check_what_is_known(struct world *world, hearth_connection first) {
    char text[64];
    hearth_connection unused;
    hearth_channel_peer again = {.size = sizeof again, .path = "/rooms/a", .user = "anna"};
    CHECK_NUMBER(hearth_server_connect_channel(world->server, "bot", &again, &unused), HEARTH_ERR_LIMIT);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 3);
    CHECK(world_wait(world, HEARTH_EVENT_OPEN, 1)->connection_context == world);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->address, "203.0.113.9:0");
    CHECK_NUMBER(hearth_connection_recipient(first, text, sizeof text), 2);
    CHECK_TEXT(text, "17");
    CHECK_NUMBER(hearth_server_connection_count(world->server), 3);
    CHECK_NUMBER(hearth_room_members(world->server, "a b", NULL, 0), 3);
}

/* One message to all is one event, and a relayed one leaves its sender out. */
static void check_messages(struct world *world, hearth_connection first, hearth_connection second,
                           hearth_connection third) {
    static char large[1001];
    carried.count = 0;
    CHECK_NUMBER(hearth_room_broadcast(world->server, "a b", HEARTH_TEXT, "hello", 5, NULL), 3);
    TURN_UNTIL(world, carried.count == 1);
    CHECK_NUMBER(carried.sends[0].length, 3);
    CHECK(carried.sends[0].connections[0] == first && carried.sends[0].connections[2] == third);
    CHECK_TEXT(carried.sends[0].data, "hello");
    CHECK_NUMBER(hearth_channel_receive(second, HEARTH_TEXT, "from 18", 7), HEARTH_OK);
    CHECK_NUMBER(hearth_channel_receive(second, HEARTH_TEXT, "\xFF", 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_channel_receive(second, HEARTH_BINARY, large, 1001), HEARTH_ERR_TOO_LARGE);
    TURN_UNTIL(world, carried.count == 2);
    CHECK_NUMBER(carried.sends[1].length, 2);
    CHECK_TEXT(carried.sends[1].data, "from 18");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 1);
}

/* What was sent before a close is told before CLOSE. */
static void check_close(struct world *world, hearth_connection first, int has_callback) {
    CHECK_NUMBER(hearth_connection_send(first, HEARTH_TEXT, "one", 3), 1);
    CHECK_NUMBER(hearth_connection_send(first, HEARTH_BINARY, "two", 3), 1);
    CHECK_NUMBER(hearth_connection_close(first, 4000, "enough"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_send(first, HEARTH_TEXT, "three", 5), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_channel_receive(first, HEARTH_TEXT, "late", 4), HEARTH_ERR_GONE);
    struct record *closed = world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(carried.count, has_callback ? 5 : 4);
    CHECK_TEXT(carried.sends[2].data, "one");
    CHECK_TEXT(carried.sends[3].data, "two");
    CHECK_NUMBER(carried.sends[3].opcode, HEARTH_BINARY);
    CHECK_NUMBER(closed->code, 4000);
    CHECK_TEXT(closed->data, "enough");
    CHECK_NUMBER(closed->flags, HEARTH_EVENT_CLEAN | HEARTH_EVENT_CHANNEL);
    if (has_callback) {
        CHECK(carried.sends[4].type == HEARTH_EVENT_CLOSE && carried.sends[4].code == 4000);
        CHECK(last_context == &carried);
    }
    CHECK_NUMBER(hearth_channel_closed(first, 1000, NULL), HEARTH_ERR_GONE);
}

/* The host says that its transport has ended: what was not told yet is not told any more. */
static void check_end(struct world *world, hearth_connection second, int has_callback) {
    size_t before = carried.count;
    CHECK_NUMBER(hearth_connection_send(second, HEARTH_TEXT, "too late", 8), 1);
    CHECK_NUMBER(hearth_channel_closed(second, 1001, "away"), HEARTH_OK);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 2);
    struct record *closed = world_wait(world, HEARTH_EVENT_CLOSE, 2);
    CHECK_NUMBER(closed->code, 1001);
    CHECK_NUMBER(closed->flags, HEARTH_EVENT_CLEAN | HEARTH_EVENT_BY_PEER | HEARTH_EVENT_CHANNEL);
    world_turn(world);
    CHECK_NUMBER(carried.count, before + has_callback);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_LEFT), 2);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    int has_callback = strcmp(arguments[1], "callback") == 0;
    struct world *world = prepare(has_callback);
    check_refusals(world);
    hearth_connection first = join(world, "17", "anna"), second = join(world, "18", "anna"),
                      third = join(world, "19", NULL);
    check_what_is_known(world, first);
    check_messages(world, first, second, third);
    check_close(world, first, has_callback);
    check_end(world, second, has_callback);

    /* A stopping server closes them, and does not wait for them. */
    CHECK_NUMBER(hearth_server_stop(world->server, "bye"), HEARTH_OK);
    CHECK_NUMBER(world_turn_until(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 0);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 3)->code, 1001);
    CHECK_NUMBER(hearth_server_connection_count(world->server), 0);
    CHECK_NUMBER(hearth_channel_alive(third), HEARTH_ERR_GONE);
    world_free(world);
    return 0;
}
