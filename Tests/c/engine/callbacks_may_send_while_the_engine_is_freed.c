/* The CLOSE and LEFT events of an engine that is freed may send to connections of all its loops. */
#include "client.h"
#include "world.h"

enum { clients = 40 };

static void on_event(struct world *world, const hearth_event *event) {
    if (event->type != HEARTH_EVENT_CLOSE && event->type != HEARTH_EVENT_LEFT)
        return;
    CHECK(hearth_server_broadcast(world->server, HEARTH_TEXT, "bye", 3, NULL) >= 0);
    CHECK(hearth_room_broadcast(world->server, "hall", HEARTH_TEXT, "bye", 3, NULL) >= 0);
}

int main(void) {
    int fds[clients];
    struct world *world = world_new("threads=2");
    world->on_event = on_event;
    world_route(world, "/", "join=hall");
    int port = world_start(world);
    for (int i = 0; i < clients; i++)
        fds[i] = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_JOINED, clients);
    CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_OK);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_LEFT), clients);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), clients);
    for (int i = 0; i < clients; i++)
        close(fds[i]);
    hearth_config_free(world->config);
    free(world);
    return 0;
}
