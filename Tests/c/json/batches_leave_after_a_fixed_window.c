/* With batch_interval the events for a connection of the json dialect are collected and leave as one array
 * when the window that the first one opened is over, or when it is full. Nothing else is held up or
 * overtaken. */
#include "events.h"

static struct world *start(const char *settings, int *fd, hearth_connection *connection) {
    struct world *world = world_new(settings);
    world_route(world, "/", "dialect=json,join=hall");
    *fd = client_open(world_start(world), "/");
    *connection = world_wait(world, HEARTH_EVENT_JOINED, 1)->connection;
    return world;
}

static void window(void) {
    int fd;
    hearth_connection connection;
    struct world *world = start("batch_interval=50ms", &fd, &connection);
    CHECK_NUMBER(hearth_connection_send_event(connection, "a", "1", 1), 1);
    CHECK_NUMBER(hearth_room_send_event(world->server, "hall", "b", "{}", 2, NULL), 1);
    client_send_text(fd, "{\"type\":\"ping\"}");
    const char *first = next_text(fd);
    if (first[0] == '{') {
        CHECK_TEXT(first, "{\"type\":\"pong\"}");
        expect_text(fd, "[{\"type\":\"a\",\"data\":1},{\"type\":\"b\",\"data\":{}}]");
    } else {
        CHECK_TEXT(first, "[{\"type\":\"a\",\"data\":1},{\"type\":\"b\",\"data\":{}}]");
        expect_text(fd, "{\"type\":\"pong\"}");
    }
    hearth_connection_send_event(connection, "c", NULL, 0);
    expect_text(fd, "[{\"type\":\"c\"}]");
    client_close(fd, 1000);
    world_free(world);
}

/* Events that come all the time do not put the end of the window off. */
static void steady(void) {
    int fd, count = 0;
    hearth_connection connection;
    struct world *world = start("batch_interval=40ms", &fd, &connection);
    struct timespec pause = {0, 4000000};
    for (int i = 0; i < 60; i++) {
        hearth_connection_send_event(connection, "n", "1", 1);
        nanosleep(&pause, NULL);
    }
    hearth_connection_send_event(connection, "end", NULL, 0);
    for (const char *text = next_text(fd); !strstr(text, "end"); text = next_text(fd))
        count++;
    CHECK(count >= 2);
    client_close(fd, 1000);
    world_free(world);
}

static void limits(void) {
    int fd;
    hearth_connection connection;
    struct world *world =
        start("batch_interval=60s max_batch_messages=2 max_batch_bytes=48", &fd, &connection);
    hearth_connection_send_event(connection, "a", "1", 1);
    hearth_connection_send_event(connection, "a", "2", 1);
    expect_text(fd, "[{\"type\":\"a\",\"data\":1},{\"type\":\"a\",\"data\":2}]");
    hearth_connection_send_event(connection, "a", "3", 1);
    hearth_connection_send_event(connection, "a", "[1,2,3,4]", 9);
    expect_text(fd, "[{\"type\":\"a\",\"data\":3}]");
    hearth_connection_send(connection, HEARTH_TEXT, "raw", 3);
    expect_text(fd, "[{\"type\":\"a\",\"data\":[1,2,3,4]}]");
    expect_text(fd, "raw");
    hearth_connection_send_event(connection, "a", "[1,2,3,4,5,6,7,8,9,10,11,12]", 28);
    expect_text(fd, "[{\"type\":\"a\",\"data\":[1,2,3,4,5,6,7,8,9,10,11,12]}]");
    hearth_connection_send_event(connection, "last", NULL, 0);
    CHECK_NUMBER(hearth_connection_close(connection, 1000, NULL), HEARTH_OK);
    expect_text(fd, "[{\"type\":\"last\"}]");
    expect_close(fd, 1000);
    close(fd);
    world_free(world);
}

int main(void) {
    window();
    steady();
    limits();
    return 0;
}
