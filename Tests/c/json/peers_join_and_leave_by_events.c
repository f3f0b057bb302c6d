/* Where a route says so, peers join and leave rooms by events and are told who is there, comes and goes. */
#include "events.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN && event->query_length > 0)
        hearth_connection_set_user(event->connection, event->query);
}

static void join(int fd, const char *room) {
    char text[200];
    snprintf(text, sizeof text, "{\"type\":\"join\",\"data\":{\"room\":\"%s\"}}", room);
    client_send_text(fd, text);
    expect_text(fd, text);
}

/* Expects a presence event about a room; what follows the version is compared. */
static void expect_presence(int fd, const char *room, const char *rest) {
    char start[200];
    int length =
        snprintf(start, sizeof start, "{\"type\":\"presence\",\"data\":{\"room\":\"%s\",\"version\":", room);
    const char *text = next_text(fd);
    CHECK(strncmp(text, start, (size_t)length) == 0);
    CHECK(strtoull(text + length, NULL, 10) > 0);
    CHECK_TEXT(strchr(text + length, ','), rest);
}

static void run(const char *settings) {
    struct world *world = world_new(settings);
    world->on_event = on_event;
    world_route(world, "/", "dialect=json,events=join+leave+presence,rooms=hall+open:*");
    world_route(world, "/plain", "dialect=json,events=join+leave");
    int port = world_start(world);
    int ann = client_open(port, "/?ann"), bob = client_open(port, "/?bob"),
        plain = client_open(port, "/plain");

    join(ann, "hall");
    expect_presence(ann, "hall", ",\"users\":[{\"user\":\"ann\"}]}}");
    join(plain, "hall");
    join(bob, "hall");
    expect_presence(bob, "hall", ",\"users\":[{\"user\":\"bob\"},{\"user\":\"ann\"}]}}");
    expect_presence(ann, "hall", ",\"joined\":{\"user\":\"bob\"}}}");
    expect_presence(plain, "hall", ",\"joined\":{\"user\":\"bob\"}}}");
    join(bob, "hall");
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "{\"away\":1}", 10), HEARTH_OK);
    expect_presence(ann, "hall", ",\"updated\":{\"user\":\"ann\",\"data\":{\"away\":1}}}}");
    expect_presence(bob, "hall", ",\"updated\":{\"user\":\"ann\",\"data\":{\"away\":1}}}}");
    expect_presence(plain, "hall", ",\"updated\":{\"user\":\"ann\",\"data\":{\"away\":1}}}}");
    CHECK_NUMBER(hearth_user_set_presence(world->server, "ann", "not JSON", 8), HEARTH_OK);
    expect_presence(ann, "hall", ",\"updated\":{\"user\":\"ann\"}}}");
    expect_presence(bob, "hall", ",\"updated\":{\"user\":\"ann\"}}}");
    expect_presence(plain, "hall", ",\"updated\":{\"user\":\"ann\"}}}");

    client_send_text(bob, "{\"type\":\"leave\"}");
    expect_text(bob, "{\"type\":\"leave\",\"data\":{\"room\":\"hall\"}}");
    expect_presence(ann, "hall", ",\"left\":{\"user\":\"bob\"}}}");
    client_send_text(bob, "{\"type\":\"leave\",\"room\":\"hall\"}");
    expect_error(bob, "not_in_room");
    client_send_text(ann, "{\"type\":\"presence\"}");
    expect_presence(ann, "hall", ",\"users\":[{\"user\":\"ann\"}]}}");
    join(bob, "open:1");
    expect_presence(bob, "open:1", ",\"users\":[{\"user\":\"bob\"}]}}");

    client_send_text(bob, "{\"type\":\"join\",\"data\":{\"room\":\"hal\"}}");
    expect_error(bob, "room_not_open");
    client_send_text(bob, "{\"type\":\"join\",\"data\":{\"room\":\"open:name\"}}");
    expect_error(bob, "room_name_too_long");
    client_send_text(plain, "{\"type\":\"join\",\"data\":{\"room\":\"2\"}}");
    expect_presence(plain, "hall", ",\"left\":{\"user\":\"bob\"}}}");
    expect_text(plain, "{\"type\":\"join\",\"data\":{\"room\":\"2\"}}");
    client_send_text(plain, "{\"type\":\"join\",\"data\":{\"room\":\"3\"}}");
    expect_error(plain, "too_many_rooms");
    client_send_text(plain, "{\"type\":\"leave\"}");
    expect_error(plain, "missing_room");

    close(ann);
    expect_presence(plain, "hall", ",\"left\":{\"user\":\"ann\"}}}");
    client_close(bob, 1000);
    client_close(plain, 1000);
    world_free(world);
}

int main(void) {
    run("presence_grace=0 max_rooms_per_connection=2 max_room_name=8");
    run("presence_grace=0 max_rooms_per_connection=2 max_room_name=8 threads=2");
    return 0;
}
