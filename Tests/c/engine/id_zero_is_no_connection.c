/* The id 0 names no connection, also while one is about to be gone. */
#include "driven.h"

static int asked;

static void on_event(struct world *world, const hearth_event *event) {
    hearth_connection_info info = {.size = sizeof info};
    char text[8];
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    asked = 1;
    CHECK_NUMBER(hearth_connection_get_info(0, &info), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_set_context(0, text), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_set_metadata(0, "x", 1), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_metadata(0, text, sizeof text), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_close(0, 1000, NULL), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_send(0, HEARTH_TEXT, "x", 1), HEARTH_ERR_GONE);
}

int main(void) {
    struct world *world = world_new("");
    world->on_event = on_event;
    int port = world_drive(world);
    int broken = world_open(world, port, "/"), sound = world_open(world, port, "/");
    client_send_frame(broken, 0x83, "xx", 2);
    world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
    client_send_text(sound, "ask");
    world_turn_until(world, HEARTH_EVENT_MESSAGE, 1);
    CHECK(asked);
    close(broken);
    close(sound);
    world_free(world);
    return 0;
}
