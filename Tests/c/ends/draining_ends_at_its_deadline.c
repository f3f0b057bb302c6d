/* Who does not answer the close of a draining server is cut at shutdown_timeout; a stop during a drain closes
 * the rest at once; a drain without connections is done at once. */
#include "client.h"
#include "world.h"

static void silent_peers_are_cut(void) {
    struct world *world = world_new("shutdown_spread=0 shutdown_timeout=150ms close_timeout=1h");
    int port = world_start(world);
    int fd = client_open(port, "/"), other = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 2);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_OK);
    client_expect_close(fd, 1001);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 2);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 2);
    close(fd);
    close(other);
    world_free(world);
}

static void stop_ends_a_drain(void) {
    struct world *world = world_new("shutdown_spread=1h shutdown_timeout=24h");
    int port = world_start(world), clients[4];
    for (int i = 0; i < 4; i++)
        clients[i] = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 4);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_stop(world->server, "now"), HEARTH_OK);
    for (int i = 0; i < 4; i++)
        client_close(clients[i], 1001);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 0);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_SERVER_STOPPED), 1);
    world_free(world);
}

static void nobody_is_waited_for(void) {
    struct world *world = world_new("threads=3 shutdown_spread=1h shutdown_timeout=24h");
    world_start(world);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1);
    world_free(world);
}

static void free_in_close(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_CLOSE)
        CHECK_NUMBER(hearth_server_free(event->server), world->extra ? HEARTH_ERR_INVALID : HEARTH_OK);
    if (event->type == HEARTH_EVENT_CLOSE)
        world->extra = world;
}

static void a_callback_may_free_it(void) {
    struct world *world = world_new("shutdown_spread=0 shutdown_timeout=50ms");
    world->on_event = free_in_close;
    int port = world_start(world), clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 3);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_CLOSE, 3);
    for (int i = 0; i < 3; i++)
        client_expect_end(clients[i]);
    world_free(world);
}

static void wrong_options_are_refused(void) {
    struct world *world = world_new("");
    char why[100];
    hearth_drain drain = {.size = sizeof drain, .opcode = 3, .data = "x", .length = 1};
    world_start(world);
    CHECK_NUMBER(hearth_server_drain(NULL, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_ERR_INVALID);
    drain.opcode = HEARTH_TEXT;
    drain.data = "\xFF";
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_ERR_INVALID);
    drain.data = NULL;
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_ERR_INVALID);
    drain.length = 0;
    memset(why, 'y', 91);
    why[91] = '\0';
    drain.why = why;
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_ERR_TOO_LARGE);
    drain.size = 4;
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_ERR_INVALID);
    drain.size = sizeof drain;
    why[90] = '\0';
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_OK);
    world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1);
    world_free(world);
}

int main(void) {
    silent_peers_are_cut();
    stop_ends_a_drain();
    nobody_is_waited_for();
    a_callback_may_free_it();
    wrong_options_are_refused();
    return 0;
}
