/* What is known of a connection is counted. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    hearth_connection_info info = {.size = sizeof info};
    world->on_event = echo;
    world_route(world, "/a", "event=on");
    world_route(world, "/b", "join=hall");
    int fd = client_open(world_start(world), "/b");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_JOINED, 1)->connection;
    for (int i = 0; i < 5; i++) {
        client_send_text(fd, "counted");
        client_expect_text(fd, "counted");
    }
    CHECK_NUMBER(hearth_connection_send(connection, HEARTH_TEXT, "one more", 8), 1);
    client_expect_text(fd, "one more");
    /* From this thread the numbers may be a turn of the loop old. */
    for (int i = 0; i < 10000 && info.messages_sent < 6; i++) {
        CHECK_NUMBER(hearth_connection_get_info(connection, &info), HEARTH_OK);
        usleep(1000);
    }
    CHECK_NUMBER(info.messages_received, 5);
    CHECK_NUMBER(info.messages_sent, 6);
    CHECK_NUMBER(info.rooms, 1);
    CHECK_NUMBER(info.route, 1);
    CHECK_NUMBER(info.is_open, 1);
    CHECK_NUMBER(info.outbox_bytes, 0);
    CHECK_NUMBER(info.latency_us, -1);
    CHECK(info.opened_at_ms > 1600000000000u && info.last_received_at_ms >= info.opened_at_ms);
    info.size = 0;
    CHECK_NUMBER(hearth_connection_get_info(connection, &info), HEARTH_ERR_INVALID);
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
