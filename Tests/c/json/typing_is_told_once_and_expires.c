/* A user who types is told to the others once, however many typing events and connections the user has, and
 * types no more after a message, a leave, or typing_timeout. */
#include "events.h"

#define TYPES(user, word) \
    "{\"type\":\"typing\",\"data\":{\"room\":\"hall\",\"user\":\"" user "\",\"typing\":" word "}}"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN && event->query_length > 0)
        hearth_connection_set_user(event->connection, event->query);
}

int main(void) {
    struct world *world = world_new("typing_timeout=300ms");
    world->on_event = on_event;
    world_route(world, "/", "dialect=json,join=hall,events=typing+message+leave");
    world_route(world, "/raw", "join=hall");
    int port = world_start(world);
    int ann = client_open(port, "/?ann"), tab = client_open(port, "/?ann"), bob = client_open(port, "/?bob");
    int nobody = client_open(port, "/"), raw = client_open(port, "/raw");
    for (size_t i = 1; i <= 5; i++)
        world_wait(world, HEARTH_EVENT_JOINED, i);

    client_send_text(ann, "{\"type\":\"typing\",\"data\":{\"user\":\"eve\",\"typing\":true}}");
    client_send_text(ann, "{\"type\":\"typing\"}");
    client_send_text(ann, "{\"type\":\"ping\"}");
    expect_text(ann, "{\"type\":\"pong\"}");
    client_send_text(tab, "{\"type\":\"typing\",\"data\":{\"typing\":true}}");
    expect_nothing(tab);
    expect_text(bob, TYPES("ann", "true"));
    client_send_text(ann, "{\"type\":\"typing\",\"data\":{\"typing\":false}}");
    expect_nothing(ann);
    expect_text(bob, TYPES("ann", "false"));

    client_send_text(ann, "{\"type\":\"typing\"}");
    expect_text(bob, TYPES("ann", "true"));
    client_send_text(ann, "{\"type\":\"message\",\"data\":\"hi\"}");
    expect_text(bob, TYPES("ann", "false"));
    CHECK(strstr(next_text(bob), "\"text\":\"hi\""));
    client_send_text(ann, "{\"type\":\"typing\"}");
    expect_text(bob, TYPES("ann", "true"));
    client_send_text(ann, "{\"type\":\"leave\"}");
    expect_text(bob, TYPES("ann", "false"));
    client_send_text(tab, "{\"type\":\"typing\"}");
    expect_text(bob, TYPES("ann", "true"));
    close(tab);
    expect_text(bob, TYPES("ann", "false"));
    client_send_text(nobody, "{\"type\":\"typing\"}");
    for (const char *text = next_text(nobody); !strstr(text, "error"); text = next_text(nobody))
        CHECK(!strstr(text, "null"));
    const char *message = next_text(raw);
    CHECK(strstr(message, "\"text\":\"hi\""));
    client_close(bob, 1000);
    client_close(ann, 1000);
    client_close(nobody, 1000);
    client_close(raw, 1000);
    world_free(world);
    return 0;
}
