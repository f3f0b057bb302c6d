/* Messages that a policy dropped are counted, also of a connection that ends before it can be told; so are
 * connections that were closed as too slow and peers that answered no ping. */
#include "client.h"
#include "world.h"

static long long stat(struct world *world, const char *name) {
    static char stats[16384];
    char key[64];
    CHECK(hearth_server_stats(world->server, stats, sizeof stats) > 0);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(stats, key);
    CHECK(at);
    return atoll(at + strlen(key));
}

/* Sends more to a peer that does not read than its socket and its outbox take. */
static void flood(hearth_connection connection) {
    static char message[60000];
    memset(message, 'x', sizeof message);
    for (int i = 0; i < 400; i++) {
        hearth_connection_send(connection, HEARTH_TEXT, message, sizeof message);
        usleep(100);
    }
}

static void drops_are_counted(void) {
    const char *settings = "max_outbox_bytes=64KiB max_message_size=64000 slow_consumer=drop_newest";
    struct world *world = world_new(settings);
    int fd = client_open(world_start(world), "/");
    flood(world_wait(world, HEARTH_EVENT_OPEN, 1)->connection);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_DROPPED), 0);
    client_cut(fd);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK(stat(world, "messages_dropped") > 100);
    CHECK_NUMBER(stat(world, "slow_consumers_closed"), 0);
    world_free(world);
}

static void slow_ones_are_counted(void) {
    struct world *world = world_new("max_outbox_bytes=64KiB max_message_size=64000");
    int fd = client_open(world_start(world), "/");
    flood(world_wait(world, HEARTH_EVENT_OPEN, 1)->connection);
    CHECK_NUMBER(stat(world, "slow_consumers_closed"), 1);
    client_cut(fd);
    world_free(world);
}

static void stale_ones_are_counted(void) {
    struct world *world = world_new("ping_interval=20ms ping_timeout=20ms");
    int fd = client_open(world_start(world), "/");
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 1011);
    CHECK_NUMBER(stat(world, "stale_removed"), 1);
    CHECK_NUMBER(stat(world, "1011"), 1);
    close(fd);
    world_free(world);
}

int main(void) {
    drops_are_counted();
    slow_ones_are_counted();
    stale_ones_are_counted();
    return 0;
}
