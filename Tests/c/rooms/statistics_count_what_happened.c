/* Statistics say what peers and the host did: connections, messages and bytes both ways, broadcasts,
 * handshakes by answer and ends by code, over all threads.
 * Variants: one_thread four_threads */
#include "client.h"
#include "world.h"

enum { PEERS = 8 };

static char stats[16384];

static const char *read_stats(struct world *world) {
    int64_t length = hearth_server_stats(world->server, stats, sizeof stats);
    CHECK(length > 0 && (size_t)length < sizeof stats && stats[length] == '\0');
    return stats;
}

/* The number behind the first "name":, after the first "object":{ if there is one. */
static long long number(const char *object, const char *name) {
    char key[64];
    const char *at = stats;
    if (object) {
        snprintf(key, sizeof key, "\"%s\":{", object);
        at = strstr(at, key);
        CHECK(at);
    }
    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(at, key);
    CHECK(at);
    return atoll(at + strlen(key));
}

static void answer(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_reject(event->connection, event->path[1] == 'c' ? 4001 : 403, NULL);
    if (event->type == HEARTH_EVENT_MESSAGE)
        hearth_connection_send(event->connection, HEARTH_TEXT, "answer", 6);
}

static void refused_ones(int port) {
    char head[8192];
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/no/h", "", head, sizeof head), 403);
    close(fd);
    fd = client_open(port, "/close/h");
    client_expect_close(fd, 4001);
    close(fd);
    fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/nowhere/at/all", "", head, sizeof head), 404);
    close(fd);
    fd = client_connect(port);
    client_write_text(fd, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n");
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 400);
    close(fd);
}

static void counters_are_right(struct world *world, size_t closed) {
    read_stats(world);
    CHECK(strstr(stats, "\"scope\":\"local\""));
    CHECK(strstr(stats, "\"health\":{\"status\":\"ok\",\"reasons\":[]"));
    CHECK_NUMBER(number("connections", "open"), PEERS - closed);
    CHECK_NUMBER(number("connections", "opened"), PEERS);
    CHECK_NUMBER(number("connections", "closed"), closed);
    CHECK_NUMBER(number("messages", "received"), PEERS);
    CHECK_NUMBER(number("messages", "sent"), 2 * PEERS);
    CHECK(number("bytes", "received") > PEERS * 100);
    CHECK(number("bytes", "sent") > PEERS * 100);
    CHECK_NUMBER(number("handshakes", "accepted"), PEERS);
    CHECK_NUMBER(number("handshakes", "closed"), 1);
    CHECK_NUMBER(number("handshakes", "400"), 1);
    CHECK_NUMBER(number("handshakes", "403"), 1);
    CHECK_NUMBER(number("handshakes", "404"), 1);
    CHECK_NUMBER(number("handshakes", "other"), 0);
    CHECK_NUMBER(number("broadcast_latency", "count"), number(NULL, "broadcasts"));
    CHECK(number("broadcast_latency", "count") >= 1);
    CHECK(number("broadcast_latency", "p50_us") <= number("broadcast_latency", "p99_us"));
    CHECK(number("loop_lag", "count") > 0);
    CHECK_NUMBER(number(NULL, "messages_dropped"), 0);
    CHECK_NUMBER(number(NULL, "outbox_bytes"), 0);
}

int main(int count, char **arguments) {
    int is_single = count > 1 && strcmp(arguments[1], "one_thread") == 0;
    struct world *world = world_new(is_single ? "threads=1" : "threads=4");
    int clients[PEERS];
    world->on_event = answer;
    world_route(world, "/", "join=hall");
    world_route(world, "/no/{x}", "accept=ask");
    world_route(world, "/close/{x}", "accept=ask");
    CHECK(hearth_server_stats(world->server, NULL, 0) > 0);
    int port = world_start(world);
    for (int i = 0; i < PEERS; i++) {
        clients[i] = client_open(port, "/");
        client_send_text(clients[i], "question");
        client_expect_text(clients[i], "answer");
    }
    CHECK_NUMBER(hearth_room_broadcast(world->server, "hall", HEARTH_TEXT, "to all", 6, NULL), PEERS);
    for (int i = 0; i < PEERS; i++)
        client_expect_text(clients[i], "to all");
    refused_ones(port);
    client_close(clients[0], 1000);
    client_close(clients[1], 3456);
    client_cut(clients[2]);
    world_wait(world, HEARTH_EVENT_CLOSE, 3);
    counters_are_right(world, 3);
    CHECK_NUMBER(number("closes", "1000"), 1);
    CHECK_NUMBER(number("closes", "1006"), 1);
    CHECK_NUMBER(number("closes", "3xxx"), 1);
    CHECK_NUMBER(number(NULL, "rooms") > 0, 1);
    CHECK_NUMBER(hearth_server_stats(NULL, stats, sizeof stats), HEARTH_ERR_INVALID);
    char small[8];
    CHECK(hearth_server_metrics(world->server, small, sizeof small) > 8);
    CHECK_NUMBER(strlen(small), 7);
    for (int i = 3; i < PEERS; i++)
        client_cut(clients[i]);
    world_free(world);
    return 0;
}
