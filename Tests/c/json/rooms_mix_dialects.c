/* A room may have members of both dialects: an event is an envelope to one and its data to the other, a text
 * that a raw member relays is a message to the others, and what a broadcast says is the same for all. */
#include "events.h"

static void peers(int port, int fds[4]) {
    fds[0] = client_open(port, "/raw/hall");
    fds[1] = client_open(port, "/json/hall");
    fds[2] = client_open(port, "/raw/hall");
    fds[3] = client_open(port, "/json/hall");
}

static void expect_all(const int fds[4], const char *raw, const char *json) {
    for (int i = 0; i < 4; i++)
        expect_text(fds[i], i % 2 ? json : raw);
}

static void run(const char *settings) {
    struct world *world = world_new(settings);
    world_route(world, "/raw/{room}", "join=auto,relay=others");
    world_route(world, "/json/{room}", "dialect=json,join=auto,relay=others");
    int fds[4], port = world_start(world);
    peers(port, fds);
    for (size_t i = 1; i <= 4; i++)
        world_wait(world, HEARTH_EVENT_JOINED, i);
    hearth_server *server = world->server;

    CHECK_NUMBER(hearth_room_send_event(server, "hall", "news", " {\"n\": 1} ", 10, NULL), 4);
    expect_all(fds, " {\"n\": 1} ", "{\"type\":\"news\",\"data\":{\"n\": 1} }");
    CHECK_NUMBER(hearth_server_send_event(server, "news", "\"é\"", 4, NULL), 4);
    expect_all(fds, "\"é\"", "{\"type\":\"news\",\"data\":\"é\"}");
    CHECK_NUMBER(hearth_room_broadcast(server, "hall", HEARTH_TEXT, "as it is", 8, NULL), 4);
    expect_all(fds, "as it is", "as it is");
    hearth_room_send_event(server, "hall", "bell", NULL, 0, NULL);
    expect_text(fds[1], "{\"type\":\"bell\"}");
    expect_text(fds[3], "{\"type\":\"bell\"}");

    client_send_text(fds[0], "say \"hi\"\n");
    expect_text(fds[2], "say \"hi\"\n");
    expect_text(fds[1], "{\"type\":\"message\",\"data\":\"say \\\"hi\\\"\\n\"}");
    expect_text(fds[3], "{\"type\":\"message\",\"data\":\"say \\\"hi\\\"\\n\"}");
    client_send_text(fds[1], "{\"type\":\"wave\",\"data\":[1]}");
    expect_text(fds[3], "{\"type\":\"wave\",\"data\":[1]}");
    expect_text(fds[0], "[1]");
    expect_text(fds[2], "[1]");

    for (int i = 0; i < 4; i++)
        client_close(fds[i], 1000);
    world_free(world);
}

static void wrong_events(void) {
    struct world *world = world_new("");
    world_route(world, "/", "dialect=json,join=hall");
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_JOINED, 1)->connection;
    static const char *const wrong[] = {"{", "{}x", "nul", "\"\xFF\"", "[1,]", "01", "\"a\nb\""};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_NUMBER(hearth_room_send_event(world->server, "hall", "a", wrong[i], strlen(wrong[i]), NULL),
                     HEARTH_ERR_INVALID);
        CHECK_NUMBER(hearth_connection_send_event(connection, "a", wrong[i], strlen(wrong[i])),
                     HEARTH_ERR_INVALID);
    }
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    CHECK_NUMBER(hearth_room_send_event(world->server, "hall", name, "1", 1, NULL), HEARTH_ERR_TOO_LARGE);
    CHECK_NUMBER(hearth_room_send_event(world->server, "hall", "", "1", 1, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_room_send_event(world->server, "hall", NULL, "1", 1, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_room_send_event(world->server, NULL, "a", "1", 1, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_room_send_event(world->server, "hall", "a", NULL, 1, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_user_send_event(world->server, "nobody", "a", "1", 1, NULL), 0);
    CHECK_NUMBER(hearth_connection_set_user(connection, "ann"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_send_event(connection, "last", "1", 1), 1);
    expect_text(fd, "{\"type\":\"last\",\"data\":1}");
    CHECK_NUMBER(hearth_user_send_event(world->server, "ann", "you", "2", 1, NULL), 1);
    expect_text(fd, "{\"type\":\"you\",\"data\":2}");
    client_close(fd, 1000);
    CHECK_NUMBER(hearth_connection_send_event(connection, "a", "1", 1), HEARTH_ERR_GONE);
    world_free(world);
}

int main(void) {
    run("threads=1");
    run("threads=3");
    wrong_events();
    return 0;
}
