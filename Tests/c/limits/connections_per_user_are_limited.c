/* A user gets max_connections_per_user and no more. What happens to one more is the policy's: the oldest
 * gives way, or the one that was silent longest, or the newcomer is refused.
 * Variants: evict_oldest evict_stalest reject */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, "anna", NULL), HEARTH_OK);
    if (event->type == HEARTH_EVENT_MESSAGE)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
}

static void say(int fd, const char *text) {
    client_send_text(fd, text);
    client_expect_text(fd, text);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    char settings[200];
    snprintf(settings, sizeof settings,
             "max_connections_per_user=2 user_limit_probe=300ms user_limit_policy=%s", arguments[1]);
    struct world *world = world_new(settings);
    world_route(world, "/", "accept=ask");
    world->on_event = on_event;
    int port = world_start(world), first = client_open(port, "/"), second = client_open(port, "/");
    say(second, "second");
    usleep(20000);
    say(first, "first");
    int third;
    if (strcmp(arguments[1], "reject") == 0) {
        /* The second is asked whether it lives, and it does. */
        char head[8192];
        third = client_connect(port);
        client_send_upgrade(third, "/", "");
        struct client_frame *frame = client_receive(second);
        CHECK(frame && frame->opcode == CLIENT_PING);
        client_send_frame(second, 0x8A, frame->data, frame->length);
        CHECK_NUMBER(client_read_head(third, head, sizeof head), 101);
        client_expect_close(third, 4503);
        client_expect_end(third);
        say(first, "still here");
        say(second, "and here");
        /* A place that is given back can be had. */
        client_close(first, 1000);
        world_wait(world, HEARTH_EVENT_CLOSE, 1);
        third = client_open(port, "/");
        say(third, "third");
        CHECK_NUMBER(hearth_user_connections(world->server, "anna", NULL, 0), 2);
    } else if (strcmp(arguments[1], "evict_oldest") == 0) {
        third = client_open(port, "/");
        say(third, "third");
        client_expect_close(first, 4504);
        client_send_close(first, 4504);
        client_expect_end(first);
        CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 4504);
        say(second, "still here");
    } else {
        third = client_open(port, "/");
        say(third, "third");
        client_expect_close(second, 4107);
        client_send_close(second, 4107);
        client_expect_end(second);
        CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 4107);
        say(first, "still here");
    }
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 3);
    world_free(world);
    return 0;
}
