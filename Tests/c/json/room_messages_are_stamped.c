/* A message event is checked and given the room, the sender's user, a time and an identifier by the server:
 * whatever the client wrote there does not arrive. */
#include "events.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN && strstr(event->query, "ann"))
        hearth_connection_set_user(event->connection, "ann");
    if (event->type == HEARTH_EVENT_MESSAGE) {
        CHECK_TEXT(event->event_name, "message");
        CHECK(strncmp((const char *)event->data, "{\"id\":\"", 7) == 0);
    }
}

/* Takes the stamp out of a message: what is left is compared, and the parts are looked at. */
static void expect_message(int fd, const char *user, const char *rest) {
    static const char start[] = "{\"type\":\"message\",\"data\":{\"id\":\"";
    static char last_id[37];
    char expected[512], text[1024], *at = text + sizeof start - 1;
    snprintf(text, sizeof text, "%s", next_text(fd));
    CHECK(strncmp(text, start, sizeof start - 1) == 0);
    CHECK(at[36] == '"' && at[8] == '-' && at[14] == '7');
    CHECK(strncmp(last_id, at, 36) <= 0);
    snprintf(last_id, sizeof last_id, "%.36s", at);
    int length = snprintf(expected, sizeof expected, "\",\"room\":\"hall\",\"user\":%s,\"time\":\"", user);
    at += 36;
    CHECK(strncmp(at, expected, (size_t)length) == 0);
    at += length;
    CHECK(at[4] == '-' && at[10] == 'T' && at[19] == '.' && at[23] == 'Z' && at[24] == '"');
    CHECK_TEXT(at + 25, rest);
}

static void stamps(void) {
    struct world *world = world_new("max_json_characters=5");
    world->on_event = on_event;
    world_route(world, "/ws", "dialect=json,join=hall,events=message,event=on");
    world_route(world, "/quiet", "dialect=json,join=hall,events=message,echo=off");
    world_route(world, "/raw", "join=hall");
    int port = world_start(world);
    int ann = client_open(port, "/ws?ann"), other = client_open(port, "/quiet"),
        raw = client_open(port, "/raw");
    for (size_t i = 1; i <= 3; i++)
        world_wait(world, HEARTH_EVENT_JOINED, i);

    client_send_text(
        ann,
        "{\"type\":\"message\",\"data\":{\"user\":\"eve\",\"time\":0,\"i\\u0064\":7,\"text\":\" h\\u00e9é😀! "
        "\",\"room\":\"hall\",\"mood\":{\"x\":[]}}}");
    expect_message(ann, "\"ann\"", ",\"text\":\"h\\u00e9é😀!\",\"mood\":{\"x\":[]}}}");
    expect_message(other, "\"ann\"", ",\"text\":\"h\\u00e9é😀!\",\"mood\":{\"x\":[]}}}");
    const char *data = next_text(raw);
    CHECK(strncmp(data, "{\"id\":\"", 7) == 0 && strstr(data, ",\"mood\":{\"x\":[]}}") &&
          !strstr(data, "type"));
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);

    client_send_text(other, "{\"type\":\"message\",\"data\":\"hi\"}");
    expect_message(ann, "null", ",\"text\":\"hi\"}}");
    expect_nothing(other);

    static const char *const wrong[][2] = {
        {"{\"type\":\"message\"}", "empty_message"},
        {"{\"type\":\"message\",\"data\":{}}", "empty_message"},
        {"{\"type\":\"message\",\"data\":{\"text\":7}}", "empty_message"},
        {"{\"type\":\"message\",\"data\":{\"text\":\" \\n\\u00a0\"}}", "empty_message"},
        {"{\"type\":\"message\",\"data\":\"123456\"}", "message_too_long"},
        {"{\"type\":\"message\",\"data\":{\"text\":\"é\\u00e9😀\\uD83D\\uDE00!!\"}}", "message_too_long"},
        {"{\"type\":\"message\",\"data\":{\"room\":\"other\",\"text\":\"x\"}}", "not_in_room"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        client_send_text(ann, wrong[i][0]);
        expect_error(ann, wrong[i][1]);
    }
    client_send_text(ann, "{\"type\":\"message\",\"data\":\"12345\"}");
    expect_message(other, "\"ann\"", ",\"text\":\"12345\"}}");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 2);
    client_close(other, 1000);
    client_close(raw, 1000);
    close(ann);
    world_free(world);
}

static void names(void) {
    struct world *world =
        world_new("json_data_key= json_id_key=message_id json_user_key=sender json_time_key=timestamp "
                  "json_text_key=content json_room_key=session");
    world_route(world, "/", "dialect=json,join=s1,events=message");
    int fd = client_open(world_start(world), "/");
    world_wait(world, HEARTH_EVENT_JOINED, 1);
    client_send_text(fd, "{\"type\":\"message\",\"content\":\"hi\",\"sender\":\"eve\",\"session\":\"s1\"}");
    const char *text = next_text(fd);
    CHECK(strncmp(text, "{\"type\":\"message\",\"message_id\":\"", 31) == 0);
    CHECK(strstr(text, "\",\"session\":\"s1\",\"sender\":null,\"timestamp\":\"20"));
    CHECK(strstr(text, "Z\",\"content\":\"hi\"}") && !strstr(text, "eve"));
    client_close(fd, 1000);
    world_free(world);
}

int main(void) {
    stamps();
    names();
    return 0;
}
