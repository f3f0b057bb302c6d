/* What a shorter struct lacks is taken as 0, what a longer one has beyond the library's is left alone or 0,
 * and a struct without its first fields is refused. */
#include "client.h"
#include "world.h"

struct longer_event {
    hearth_event event;
    uint64_t later;
};

struct longer_info {
    hearth_connection_info info;
    uint64_t later;
};

static void events_of_a_newer_program_have_zeros(struct world *world) {
    struct longer_event events[2];
    char data[sizeof(hearth_event)];
    memset(events, 0xFF, sizeof events);
    CHECK_NUMBER(hearth_engine_poll(world->engine, &events[0].event, sizeof events[0], 2, 20000), 1);
    CHECK_NUMBER(events[0].event.type, HEARTH_EVENT_OPEN);
    CHECK_NUMBER(events[0].event.size, sizeof(hearth_event));
    CHECK_NUMBER(events[0].later, 0);
    CHECK(events[1].later == UINT64_MAX);
    CHECK_NUMBER(hearth_engine_poll(world->engine, (hearth_event *)data, 0, 1, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_engine_poll(world->engine, (hearth_event *)data, 4, 1, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_engine_poll(world->engine, (hearth_event *)data, 12, 1, 0), HEARTH_ERR_INVALID);
}

static void information_has_the_length_asked_for(hearth_connection connection) {
    struct longer_info longer = {.info.size = sizeof longer, .later = 7};
    CHECK_NUMBER(hearth_connection_get_info(connection, &longer.info), HEARTH_OK);
    CHECK_NUMBER(longer.info.size, sizeof longer.info);
    CHECK_NUMBER(longer.info.is_open, 1);
    CHECK_NUMBER(longer.later, 7);
    hearth_connection_info shorter = {.size = offsetof(hearth_connection_info, latency_us), .latency_us = 77};
    CHECK_NUMBER(hearth_connection_get_info(connection, &shorter), HEARTH_OK);
    CHECK_NUMBER(shorter.size, offsetof(hearth_connection_info, latency_us));
    CHECK(shorter.opened_at_ms > 1600000000000);
    CHECK_NUMBER(shorter.latency_us, 77);
    shorter.size = 4;
    CHECK_NUMBER(hearth_connection_get_info(connection, &shorter), HEARTH_ERR_INVALID);
}

int main(void) {
    struct world *world = world_new("");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(world->server), "/");
    events_of_a_newer_program_have_zeros(world);
    hearth_connection connection;
    CHECK_NUMBER(hearth_server_connections(world->server, &connection, 1), 1);
    information_has_the_length_asked_for(connection);
    /* Without the field user nobody's connections are left out but the one. */
    hearth_except except = {.size = offsetof(hearth_except, user), .connection = connection, .user = "\xFF"};
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "a", 1, &except), 0);
    except.size = 8;
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "a", 1, &except), HEARTH_ERR_INVALID);
    hearth_drain drain = {.size = offsetof(hearth_drain, data), .length = 9, .why = "\xFF"};
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_OK);
    client_cut(fd);
    world_free(world);
    return 0;
}
