/* The events of a started engine without a callback wait for hearth_engine_poll, in order, and its descriptor
 * is readable while some wait. */
#include "client.h"
#include "world.h"
#include <poll.h>

static int is_readable(int fd, int timeout) {
    struct pollfd descriptor = {fd, POLLIN, 0};
    return poll(&descriptor, 1, timeout) == 1;
}

int main(void) {
    struct world *world = world_new("");
    hearth_event events[3];
    int messages = 0;
    world_route(world, "/room/{room}", "join=auto");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int waiting = hearth_engine_fd(world->engine);
    CHECK(!is_readable(waiting, 0));
    CHECK_NUMBER(hearth_engine_poll(world->engine, events, sizeof(hearth_event), 3, 0), 0);
    CHECK_NUMBER(hearth_engine_poll(world->engine, events, sizeof(hearth_event), 3, 10), 0);
    CHECK_NUMBER(hearth_engine_timeout(world->engine), -1);

    int fd = client_open(hearth_server_port(world->server), "/room/blue?a=b");
    CHECK(is_readable(waiting, 20000));
    CHECK_NUMBER(hearth_engine_poll(world->engine, events, sizeof(hearth_event), 1, -1), 1);
    CHECK_NUMBER(events[0].type, HEARTH_EVENT_OPEN);
    CHECK_TEXT(events[0].path, "/room/blue");
    CHECK_TEXT(events[0].query, "a=b");
    CHECK_TEXT(hearth_event_capture(&events[0], "room"), "blue");
    CHECK_TEXT(hearth_event_header(&events[0], "sec-websocket-version"), "13");
    CHECK(!hearth_event_header(&events[0], "origin"));
    CHECK(events[0].server == world->server);
    CHECK_NUMBER(hearth_engine_poll(world->engine, events, sizeof(hearth_event), 1, -1), 1);
    CHECK_NUMBER(events[0].type, HEARTH_EVENT_JOINED);
    CHECK_TEXT(events[0].room, "blue");
    for (int i = 0; i < 10; i++) {
        char text[2] = {(char)('0' + i), 0};
        client_send_text(fd, text);
    }
    while (messages < 10) {
        int64_t count = hearth_engine_poll(world->engine, events, sizeof(hearth_event), 3, -1);
        CHECK(count >= 1 && count <= 3);
        for (int64_t i = 0; i < count; i++) {
            CHECK_NUMBER(events[i].type, HEARTH_EVENT_MESSAGE);
            CHECK(events[i].data_length == 1 && events[i].data[0] == '0' + messages++);
        }
    }
    CHECK(!is_readable(waiting, 0));
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
