/* Two servers of one engine have their own addresses, settings, rooms and users, and one may stop alone. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    world->on_event = echo;
    int first_port = world_start(world);
    CHECK_NUMBER(hearth_config_set(world->config, "max_message_size", "10"), HEARTH_OK);
    hearth_server *second = hearth_server_new(world->engine, world->config);
    CHECK(second);
    CHECK(hearth_server_number(second) != hearth_server_number(world->server));
    CHECK_NUMBER(hearth_server_route(second, "/{room}", "join=auto,relay=all"), 0);
    CHECK_NUMBER(hearth_server_start(second), HEARTH_OK);
    int a = client_open(first_port, "/hall"), b = client_open(hearth_server_port(second), "/hall");
    client_send_text(b, "relayed");
    client_expect_text(b, "relayed");
    client_send_text(a, "longer than ten");
    client_expect_text(a, "longer than ten");
    CHECK_NUMBER(hearth_server_connection_count(world->server), 1);
    CHECK_NUMBER(hearth_server_room_count(world->server), 0);
    CHECK_NUMBER(hearth_server_room_count(second), 1);
    CHECK_NUMBER(hearth_server_broadcast(second, HEARTH_TEXT, "second", 6, NULL), 1);
    client_expect_text(b, "second");
    client_send_text(b, "longer than ten");
    client_expect_close(b, 1009);
    client_expect_end(b);
    CHECK_NUMBER(hearth_server_free(second), HEARTH_OK);
    CHECK(hearth_server_room_count(second) < 0);
    client_send_text(a, "still here");
    client_expect_text(a, "still here");
    client_close(a, 1000);
    world_free(world);
    return 0;
}
