/* Code 0 is the usual one wherever a close code or a refusal is passed. */
#include "client.h"
#include "world.h"

static void decide(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT && strcmp(event->path, "/refused") == 0)
        CHECK_NUMBER(hearth_connection_reject(event->connection, 0, NULL), HEARTH_OK);
    else if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, "ann", NULL), HEARTH_OK);
}

static int is_open;

static void note_open(void *context, const hearth_event *event) {
    (void)context;
    if (event->type == HEARTH_EVENT_CLIENT_STATE && event->state == HEARTH_CLIENT_OPEN)
        __atomic_store_n(&is_open, 1, __ATOMIC_SEQ_CST);
}

int main(void) {
    struct world *world = world_new("");
    char head[4096], url[64];
    world->on_event = decide;
    world_route(world, "/{any}", "accept=ask");
    int port = world_start(world);
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/refused", "", head, sizeof head), 403);
    client_cut(fd);

    fd = client_open(port, "/closed");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_connection_close(connection, 0, NULL), HEARTH_OK);
    client_expect_close(fd, 1000);
    client_cut(fd);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);

    fd = client_open(port, "/kicked");
    world_wait(world, HEARTH_EVENT_OPEN, 2);
    CHECK_NUMBER(hearth_user_kick(world->server, "ann", 0, NULL), 1);
    client_expect_close(fd, 4505);
    client_cut(fd);
    world_wait(world, HEARTH_EVENT_CLOSE, 2);

    hearth_config *config = hearth_config_new();
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/client", port);
    CHECK_NUMBER(hearth_config_set(config, "url", url), HEARTH_OK);
    hearth_client *client = hearth_client_new(world->engine, config);
    CHECK_NUMBER(hearth_client_on_event(client, note_open, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_client_open(client), HEARTH_OK);
    while (!__atomic_load_n(&is_open, __ATOMIC_SEQ_CST))
        usleep(1000);
    CHECK_NUMBER(hearth_client_close(client, 0, NULL), HEARTH_OK);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 3)->code, 1000);
    hearth_config_free(config);
    world_free(world);
    return 0;
}
