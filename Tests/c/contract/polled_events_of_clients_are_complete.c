/* Events of a client that are polled say what the same events say in a callback: its state, why an attempt
 * failed and with which status. */
#include "client.h"
#include "world.h"

static void poll_one(struct world *world, hearth_event *event) {
    CHECK_NUMBER(hearth_engine_poll(world->engine, event, sizeof *event, 1, 20000), 1);
}

int main(void) {
    struct world *world = world_new("");
    hearth_event event;
    char url[64];
    world_route(world, "/elsewhere", "");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    hearth_config *config = hearth_config_new();
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/nowhere", hearth_server_port(world->server));
    CHECK_NUMBER(hearth_config_set(config, "url", url), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "reconnect_enabled", "off"), HEARTH_OK);
    hearth_client *client = hearth_client_new(world->engine, config);
    CHECK(client);
    CHECK_NUMBER(hearth_client_open(client), HEARTH_OK);
    poll_one(world, &event);
    CHECK_NUMBER(event.type, HEARTH_EVENT_CLIENT_STATE);
    CHECK(event.client == client && event.server == NULL);
    CHECK_NUMBER(event.state, HEARTH_CLIENT_CONNECTING);
    CHECK_NUMBER(event.opcode, 0);
    CHECK_NUMBER(event.route, -1);
    poll_one(world, &event);
    CHECK_NUMBER(event.type, HEARTH_EVENT_CLIENT_STATE);
    CHECK_NUMBER(event.state, HEARTH_CLIENT_GAVE_UP);
    CHECK_NUMBER(event.error, HEARTH_ERR_HTTP_STATUS);
    CHECK_NUMBER(event.status, 404);
    CHECK_NUMBER(event.opcode, 0);
    CHECK_NUMBER(event.route, -1);
    hearth_config_free(config);
    world_free(world);
    return 0;
}
