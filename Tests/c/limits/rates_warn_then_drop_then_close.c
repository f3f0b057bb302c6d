/* Who sends more than its rate is told of to the host, then its messages are dropped, then it is closed; who
 * stays within it notices nothing. Relayed messages are counted like any other.
 * Variants: connection user address bytes */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, "anna", NULL), HEARTH_OK);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *variant = arguments[1];
    const char *key = strcmp(variant, "connection") == 0 ? "rate_limit_messages"
                      : strcmp(variant, "user") == 0     ? "rate_limit_messages_per_user"
                      : strcmp(variant, "address") == 0  ? "rate_limit_messages_per_ip"
                                                         : "rate_limit_bytes";
    int is_bytes = strcmp(variant, "bytes") == 0;
    char settings[200];
    snprintf(settings, sizeof settings, "%s=%s max_rate_limit_drops=4", key, is_bytes ? "50/h" : "5/h");
    struct world *world = world_new(settings);
    world_route(world, "/", "accept=ask,join=all,relay=others,event=on");
    world->on_event = on_event;
    int port = world_start(world), reader = client_open(port, "/"), writer = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_JOINED, 2);
    /* Five are within the rate, the sixth is the warning, four are dropped, and the last ends it. */
    for (int i = 0; i < 10; i++)
        client_send_text(writer, "ten bytes!");
    client_expect_close(writer, 4105);
    client_send_close(writer, 4105);
    client_expect_end(writer);
    struct record *closed = world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(closed->code, 4105);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 6);
    for (int i = 0; i < 6; i++)
        client_expect_text(reader, "ten bytes!");
    int dropped = 0;
    size_t events = world_count(world, HEARTH_EVENT_LIMITED);
    CHECK(events == 3);
    for (size_t nth = 1; nth <= events; nth++) {
        struct record *limited = world_wait(world, HEARTH_EVENT_LIMITED, nth);
        CHECK_TEXT(limited->data, key);
        CHECK((nth == 1) == (limited->code == 0));
        CHECK(limited->connection == closed->connection);
        dropped += limited->code;
    }
    CHECK_NUMBER(dropped, 4);
    char statistics[8192];
    CHECK(hearth_server_stats(world->server, statistics, sizeof statistics) < (int64_t)sizeof statistics);
    CHECK(strstr(statistics, "\"messages_limited\":4,"));
    /* Nobody else pays for it, unless they share what is limited. */
    client_send_text(reader, "ten bytes!");
    int shares = strcmp(variant, "user") == 0 || strcmp(variant, "address") == 0;
    if (shares)
        world_wait(world, HEARTH_EVENT_LIMITED, 4);
    world_wait(world, HEARTH_EVENT_MESSAGE, 7);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_LIMITED), shares ? 4 : 3);
    world_free(world);
    return 0;
}
