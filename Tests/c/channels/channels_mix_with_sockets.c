/* Peers with a socket and connections of a channel in one room, over two loops: everybody gets everything in
 * the order of its sender, and calls from a thread that is no loop's make connections as well. */
#include "client.h"
#include "world.h"
#include <stdatomic.h>

enum { CARRIED = 8, PEERS = 4, MESSAGES = 50 };

static atomic_int told;
static hearth_connection connections[CARRIED];
static atomic_int next_of[CARRIED];

static void carry(void *context, const hearth_event *event) {
    (void)context;
    if (event->type != HEARTH_EVENT_CHANNEL_SEND)
        return;
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)event->data_length, (const char *)event->data);
    if (strcmp(text, "from a channel") == 0)
        return;
    for (size_t i = 0; i < event->connections_length; i++)
        for (int slot = 0; slot < CARRIED; slot++)
            if (connections[slot] == event->connections[i]) {
                CHECK_NUMBER(atoi(text), atomic_fetch_add(&next_of[slot], 1));
                atomic_fetch_add(&told, 1);
            }
}

int main(void) {
    struct world *world = world_new("threads=2");
    int peers[PEERS], port;
    CHECK_NUMBER(hearth_server_channel(world->server, "bot", NULL, carry, NULL, NULL), HEARTH_OK);
    world_route(world, "/{room}", "join=auto,relay=others");
    port = world_start(world);
    for (int i = 0; i < PEERS; i++)
        peers[i] = client_open(port, "/a");
    for (int i = 0; i < CARRIED; i++) {
        hearth_channel_peer peer = {.size = sizeof peer, .path = "/a"};
        CHECK_NUMBER(hearth_server_connect_channel(world->server, "bot", &peer, &connections[i]), HEARTH_OK);
    }
    world_wait(world, HEARTH_EVENT_JOINED, PEERS + CARRIED);
    for (int i = 0; i < MESSAGES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        client_send_text(peers[0], text);
    }
    for (int peer = 1; peer < PEERS; peer++)
        for (int i = 0; i < MESSAGES; i++) {
            char text[16];
            snprintf(text, sizeof text, "%d", i);
            client_expect_text(peers[peer], text);
        }
    for (int waits = 0; atomic_load(&told) < CARRIED * MESSAGES; waits++) {
        CHECK(waits < 2000);
        usleep(10000);
    }
    /* The other way round, from a foreign thread. */
    CHECK_NUMBER(hearth_channel_receive(connections[3], HEARTH_TEXT, "from a channel", 14), HEARTH_OK);
    for (int peer = 0; peer < PEERS; peer++)
        client_expect_text(peers[peer], "from a channel");
    CHECK_NUMBER(hearth_channel_closed(connections[0], 0, NULL), HEARTH_OK);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 1006);
    world_free(world);
    return 0;
}
