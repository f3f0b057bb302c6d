/* A peer that joins rooms without end, by good names and by bad ones, has as many as it may have, is told
 * what is wrong, and is closed at last; another one does not notice. */
#include "client.h"
#include "world.h"

static void join_room(int fd, const char *name) {
    char text[2048];
    snprintf(text, sizeof text, "{\"type\":\"join\",\"data\":{\"room\":\"%s\"}}", name);
    client_send_text(fd, text);
}

static void expect(int fd, const char *start) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_TEXT);
    CHECK(strncmp((char *)frame->data, start, strlen(start)) == 0);
}

static void expect_error(int fd, const char *code) {
    char start[128];
    snprintf(start, sizeof start, "{\"type\":\"error\",\"code\":\"%s\"", code);
    expect(fd, start);
}

int main(void) {
    enum { rooms = 8, flood = 5000 };
    struct world *world = world_new("max_rooms_per_connection=8 json_error_budget=20 max_room_name=20");
    world_route(world, "/", "dialect=json,events=join+message,rooms=a*");
    int port = world_start(world);
    int calm = client_open(port, "/"), wild = client_open(port, "/");
    join_room(calm, "a0");
    expect(calm, "{\"type\":\"join\"");

    char name[64], long_name[22] = "";
    memset(long_name, 'a', 21);
    static const char *const bad[][2] = {{"a\\u0000b", "invalid_room"},
                                         {"", "invalid_room"},
                                         {"b", "room_not_open"},
                                         {"a\\ud800", "invalid_room"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        join_room(wild, bad[i][0]);
        expect_error(wild, bad[i][1]);
    }
    join_room(wild, long_name);
    expect_error(wild, "room_name_too_long");
    for (int i = 0; i < rooms; i++) {
        snprintf(name, sizeof name, "a%d", i);
        join_room(wild, name);
        expect(wild, "{\"type\":\"join\"");
    }
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 2)->connection;
    CHECK_NUMBER(hearth_connection_rooms(connection, NULL, 0) > 0, 1);
    /* The rest of its errors, then the end; what it sends behind that is read by nobody. */
    for (int i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "a-%d", i);
        join_room(wild, name);
        expect_error(wild, "too_many_rooms");
    }
    join_room(wild, "a-end");
    client_expect_close(wild, 1007);
    close(wild);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(hearth_server_room_count(world->server), 1);

    /* Joined and left again and again: nothing stays. */
    int busy = client_open(port, "/");
    for (int i = 0; i < flood; i++) {
        join_room(busy, "a1");
        expect(busy, "{\"type\":\"join\"");
    }
    CHECK_NUMBER(hearth_server_room_count(world->server), 2);
    client_send_text(calm, "{\"type\":\"message\",\"data\":{\"text\":\"still here\"}}");
    expect(calm, "{\"type\":\"message\"");
    client_close(busy, 1000);
    client_close(calm, 1000);
    world_free(world);
    return 0;
}
