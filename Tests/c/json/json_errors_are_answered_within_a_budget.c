/* What is no event of the json dialect is answered with an error event that has a code, ten times; the next
 * closes with 1007. Nothing of it reaches the host, and other connections do not notice. */
#include "events.h"

static void send_deep(int fd, int depth) {
    char text[4096] = "{\"type\":\"chat\",\"data\":";
    size_t at = strlen(text);
    for (int i = 1; i < depth; i++)
        text[at++] = '[';
    for (int i = 1; i < depth; i++)
        text[at++] = ']';
    strcpy(text + at, "}");
    client_send_text(fd, text);
}

static void codes(void) {
    struct world *world =
        world_new("json_events=chat max_json_depth=8 max_json_size=200 json_error_budget=1000");
    world_route(world, "/", "dialect=json,events=join+leave+message+typing,rooms=open:*+hall");
    int fd = client_open(world_start(world), "/");
    static const char *const wrong[][2] = {
        {"", "empty_message"},
        {"hello", "invalid_json"},
        {"{\"type\":\"chat\"", "invalid_json"},
        {"{\"type\":\"chat\"}x", "invalid_json"},
        {"{'type':'chat'}", "invalid_json"},
        {"{\"type\":\"chat\",\"data\":01}", "invalid_json"},
        {"[1]", "not_an_object"},
        {"\"chat\"", "not_an_object"},
        {"{}", "missing_event"},
        {"{\"type\":7}", "missing_event"},
        {"{\"type\":\"\"}", "missing_event"},
        {"{\"type\":\"chat\",\"type\":\"chat\"}", "duplicate_key"},
        {"{\"type\":\"chat\",\"data\":1,\"d\\u0061ta\":2}", "duplicate_key"},
        {"{\"type\":\"other\"}", "unknown_event"},
        {"{\"type\":\"chat\\u0000\"}", "unknown_event"},
        {"{\"type\":\"\\ud800\"}", "unknown_event"},
        {"{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "unknown_event"},
        {"{\"type\":\"join\"}", "missing_room"},
        {"{\"type\":\"join\",\"data\":{\"room\":7}}", "missing_room"},
        {"{\"type\":\"join\",\"data\":{\"room\":\"\"}}", "invalid_room"},
        {"{\"type\":\"join\",\"data\":{\"room\":\"a\\u0000b\"}}", "invalid_room"},
        {"{\"type\":\"join\",\"data\":{\"room\":\"\\udfff\"}}", "invalid_room"},
        {"{\"type\":\"join\",\"data\":{\"room\":\"closed\"}}", "room_not_open"},
        {"{\"type\":\"leave\",\"data\":{\"room\":\"hall\"}}", "not_in_room"},
        {"{\"type\":\"message\",\"data\":{\"room\":\"hall\",\"text\":\"x\"}}", "not_in_room"},
        {"{\"type\":\"typing\",\"data\":{\"room\":\"hall\"}}", "not_in_room"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        client_send_text(fd, wrong[i][0]);
        expect_error(fd, wrong[i][1]);
    }
    send_deep(fd, 9);
    expect_error(fd, "too_deep");
    char large[300];
    memset(large, ' ', sizeof large);
    client_send_frame(fd, 0x81, large, 201);
    expect_error(fd, "message_too_large");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 0);
    send_deep(fd, 8);
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    client_close(fd, 1000);
    world_free(world);
}

static void budget(void) {
    struct world *world = world_new("");
    world_route(world, "/", "dialect=json");
    int port = world_start(world);
    int bystander = client_open(port, "/"), fd = client_open(port, "/");
    for (int i = 0; i < 10; i++) {
        client_send_text(fd, "no");
        expect_error(fd, "invalid_json");
    }
    expect_nothing(fd);
    client_send_text(fd, "no");
    expect_close(fd, 1007);
    client_send_close(fd, 1007);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 1007);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 0);
    expect_nothing(bystander);
    client_close(bystander, 1000);
    close(fd);
    world_free(world);
}

static void shape(void) {
    struct world *world = world_new("json_event_key=event json_errors=data json_error_budget=1");
    world_route(world, "/", "dialect=json");
    int fd = client_open(world_start(world), "/");
    client_send_text(fd, "no");
    expect_text(fd, "{\"event\":\"error\",\"data\":{\"code\":\"invalid_json\","
                    "\"message\":\"The message is not valid JSON\"}}");
    client_send_text(fd, "no");
    expect_close(fd, 1007);
    close(fd);
    world_free(world);
}

int main(void) {
    codes();
    budget();
    shape();
    return 0;
}
