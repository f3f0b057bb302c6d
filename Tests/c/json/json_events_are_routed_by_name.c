/* A text on a route of the json dialect is an event: the host gets its name and its data as they are written.
 * ping is answered by the library, pong is nobody's business, and binary messages are bytes as ever. */
#include "events.h"

struct seen {
    char name[300];
    char data[300];
    size_t name_length;
    uint32_t opcode;
};

static struct seen seen[64];

static void on_event(struct world *world, const hearth_event *event) {
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    struct seen *next = &seen[world_count(world, HEARTH_EVENT_MESSAGE)];
    copy_text(next->name, sizeof next->name, event->event_name);
    next->name_length = event->event_name_length;
    next->opcode = event->opcode;
    if (event->data_length > 0)
        memcpy(next->data, event->data, event->data_length);
}

static void expect_event(struct world *world, size_t nth, const char *name, const char *data) {
    world_wait(world, HEARTH_EVENT_MESSAGE, nth);
    CHECK_TEXT(seen[nth - 1].name, name);
    CHECK_NUMBER(seen[nth - 1].name_length, strlen(name));
    CHECK_TEXT(seen[nth - 1].data, data);
    CHECK_NUMBER(seen[nth - 1].opcode, name[0] ? HEARTH_TEXT : HEARTH_BINARY);
}

static void nested_keys(void) {
    struct world *world = world_new("json_events=chat,a\"b,é,move");
    world->on_event = on_event;
    world_route(world, "/", "dialect=json");
    int fd = client_open(world_start(world), "/");
    client_send_text(fd, "{\"type\":\"ping\"}");
    expect_text(fd, "{\"type\":\"pong\"}");
    client_send_text(fd, "{\"type\":\"pong\",\"data\":{}}");
    client_send_text(fd, " { \"data\" : [1, {\"type\":0}] , \"x\":null, \"type\" : \"chat\" } ");
    client_send_text(fd, "{\"type\":\"a\\\"b\"}");
    client_send_text(fd, "{\"t\\u0079pe\":\"\\u00e9\",\"data\":\"\\u0000\"}");
    client_send_frame(fd, 0x82, "\0\1", 2);
    client_send_text(fd, "{\"type\":\"move\",\"data\":-1.5e3}");
    expect_event(world, 1, "chat", "[1, {\"type\":0}]");
    expect_event(world, 2, "a\"b", "");
    expect_event(world, 3, "é", "\"\\u0000\"");
    expect_event(world, 4, "", "");
    expect_event(world, 5, "move", "-1.5e3");
    expect_nothing(fd);
    client_close(fd, 1000);
    world_free(world);
}

static void flat_keys(void) {
    memset(seen, 0, sizeof seen);
    struct world *world = world_new("json_event_key=action json_data_key=");
    world->on_event = on_event;
    world_route(world, "/", "dialect=json");
    int fd = client_open(world_start(world), "/");
    client_send_text(fd, "{\"action\":\"ping\"}");
    expect_text(fd, "{\"action\":\"pong\"}");
    client_send_text(fd, " {\"action\":\"chat\",\"text\":\"hi\"} ");
    expect_event(world, 1, "chat", "{\"action\":\"chat\",\"text\":\"hi\"}");
    hearth_connection connection = world->records[0].connection;
    CHECK_NUMBER(hearth_connection_send_event(connection, "new", "{\"n\":1,\"action\":\"x\"}", 20), 1);
    expect_text(fd, "{\"action\":\"new\",\"n\":1}");
    CHECK_NUMBER(hearth_connection_send_event(connection, "new", "[1]", 3), HEARTH_ERR_INVALID);
    client_close(fd, 1000);
    world_free(world);
}

static void expect_refused(const char *settings, const char *options) {
    struct world *world = world_new(settings);
    CHECK(hearth_server_route(world->server, "/", options) < 0);
    char sentence[300] = "";
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0);
    world_free(world);
}

int main(void) {
    nested_keys();
    flat_keys();
    expect_refused("json_event_key=", "dialect=json");
    expect_refused("json_event_key=data", "dialect=json");
    expect_refused("json_time_key=id", "dialect=json");
    expect_refused("", "dialect=xml");
    expect_refused("", "events=message");
    expect_refused("", "dialect=json,events=message+dance");
    expect_refused("", "http=GET,dialect=json");
    return 0;
}
