/* A polled event has the connection_context that was set before it happened, its CLOSE included. */
#include "driven.h"

static hearth_event next(struct world *world, uint32_t type) {
    hearth_event event = {0};
    while (event.type != type) {
        struct pollfd descriptor = {hearth_engine_fd(world->engine), POLLIN, 0};
        poll(&descriptor, 1, 50);
        hearth_engine_poll(world->engine, &event, sizeof event, 1, 0);
    }
    return event;
}

int main(void) {
    struct world *world = world_new("");
    int mine = 0;
    char head[4096];
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_drive(world->engine), HEARTH_OK);
    int fd = client_connect(hearth_server_port(world->server));
    client_send_upgrade(fd, "/", "");
    hearth_event event = next(world, HEARTH_EVENT_OPEN);
    CHECK(event.connection_context == NULL);
    CHECK_NUMBER(hearth_connection_set_context(event.connection, &mine), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_flush(world->engine), HEARTH_OK);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    client_send_text(fd, "odd");
    event = next(world, HEARTH_EVENT_MESSAGE);
    CHECK(event.connection_context == &mine);
    CHECK_NUMBER(event.data_length, 3);
    CHECK_NUMBER(event.flags, 0);
    client_cut(fd);
    event = next(world, HEARTH_EVENT_CLOSE);
    CHECK(event.connection_context == &mine);
    CHECK_NUMBER(event.flags, HEARTH_EVENT_BY_PEER);
    world_free(world);
    return 0;
}
