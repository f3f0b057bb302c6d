/* A program is told when its messages reach the other processes; what it sent before arrives all the same.
 * A question about it that waits too long, or whose server stops, is answered with the reason. */
#include "redis.h"

static void expect(struct world *world, size_t nth, const char *wanted) {
    struct record *record = world_wait(world, HEARTH_EVENT_CLUSTER_ANSWER, nth);
    if (!strstr(record->data, wanted))
        fprintf(stderr, "%s has not %s\n", record->data, wanted);
    CHECK(strstr(record->data, wanted));
}

static void ask(struct world *world, int timeout) {
    CHECK(hearth_server_ask(world->server, HEARTH_SUBJECT_READY, "", timeout) > 0);
}

int main(void) {
    struct redis redis = {0};
    struct world *listener, *node, *alone;
    int fd;

    alone = world_new("");
    world_start(alone);
    ask(alone, 0);
    expect(alone, 1, "\"scope\":\"local\",\"ready\":true,\"reason\":\"\"");
    world_free(alone);

    redis_start(&redis);
    listener = node_new(&redis, "listener", "");
    world_route(listener, "/room/{room}", "join=auto");
    fd = client_open(world_start(listener), "/room/r");
    node_wait(listener, 1);
    redis_wait_for_listeners(&redis, "ws:r:r", 1);

    for (int i = 0; i < 10; i++) {
        node = node_new(&redis, "node", "");
        world_start(node);
        hearth_room_broadcast(node->server, "r", HEARTH_TEXT, "at once", 7, NULL);
        ask(node, 0);
        expect(node, 1, "\"scope\":\"cluster\",\"ready\":true,\"reason\":\"\"");
        CHECK(node_is_well(node));
        client_expect_text(fd, "at once");
        ask(node, 60000);
        expect(node, 2, "\"ready\":true");
        world_free(node);
    }

    redis_kill(&redis);
    node = node_new(&redis, "node", "");
    world_start(node);
    ask(node, 50);
    expect(node, 1, "\"ready\":false,\"reason\":\"the broker");
    ask(node, 0);
    CHECK_NUMBER(hearth_server_stop(node->server, NULL), HEARTH_OK);
    expect(node, 2, "\"ready\":false,\"reason\":\"the broker");
    world_free(node);

    close(fd);
    world_free(listener);
    return 0;
}
