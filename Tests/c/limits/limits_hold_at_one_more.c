/* What reaches a limit is taken, what is one more is refused with the answer its key names. */
#include "client.h"
#include "world.h"

static void check_names(hearth_connection connection) {
    CHECK_NUMBER(hearth_connection_join(connection, "ten bytes!"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_join(connection, "ten bytes!!"), HEARTH_ERR_TOO_LARGE);
    CHECK_NUMBER(hearth_connection_join(connection, "b"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_join(connection, "c"), HEARTH_ERR_LIMIT);
    CHECK_NUMBER(hearth_connection_leave(connection, "c"), HEARTH_ERR_NOT_FOUND);
    CHECK_NUMBER(hearth_connection_join(connection, "b"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_join(connection, ""), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_connection_join(connection, "\xFF"), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_connection_set_user(connection, "ten bytes!"), HEARTH_OK);
    CHECK_NUMBER(hearth_connection_set_user(connection, "ten bytes!!"), HEARTH_ERR_TOO_LARGE);
    CHECK_NUMBER(hearth_connection_close(connection, 1005, NULL), HEARTH_ERR_INVALID);
}

static void on_event(struct world *world, const hearth_event *event) {
    echo(world, event);
    if (event->type == HEARTH_EVENT_OPEN && !world->extra) {
        world->extra = world;
        check_names(event->connection);
    }
}

int main(void) {
    struct world *world = world_new("max_connections=2 max_room_name=10 max_user_name=10 max_fragments=3 "
                                    "max_rooms_per_connection=2 max_message_size=1000");
    char data[1001] = "", head[8192];
    world->on_event = on_event;
    int port = world_start(world), first = client_open(port, "/"), second = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 2);
    int third = client_connect(port);
    CHECK_NUMBER(client_upgrade(third, "/", "", head, sizeof head), 503);
    close(third);

    client_send_frame(first, 0x82, data, 1000);
    struct client_frame *frame = client_receive(first);
    CHECK(frame && frame->length == 1000);
    client_send_frame(first, 0x82, data, 1001);
    client_expect_close(first, 1009);
    client_expect_end(first);

    client_send_frame(second, 0x02, data, 1);
    client_send_frame(second, 0x00, data, 1);
    client_send_frame(second, 0x80, data, 1);
    frame = client_receive(second);
    CHECK(frame && frame->length == 3);
    client_send_frame(second, 0x02, data, 1);
    for (int i = 0; i < 3; i++)
        client_send_frame(second, 0x00, data, 1);
    client_expect_close(second, 1008);
    client_expect_end(second);
    world_free(world);
    return 0;
}
