/* A message to many is compressed once for all who agreed on the same window, once more for each other
 * window, once for each connection that takes its context over, and never for those who did not agree; the
 * calls of deflate() are counted. With two threads that is so for each.
 * Variants: room relay user server threads */
#include "deflate.h"
#include "world.h"

enum { people = 8 };

static const char *variant;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN)
        hearth_connection_set_user(event->connection, "all");
}

/* Sends by way of the variant and answers how often the library compressed meanwhile. */
static long deliver(struct world *world, struct peer **peers, int sender, const char *text, size_t length,
                    int is_compressed) {
    long before = count_of(&deflate_calls);
    if (strcmp(variant, "relay") == 0)
        client_send_frame(sender, 0x81, text, length);
    else if (strcmp(variant, "room") == 0)
        CHECK_NUMBER(hearth_room_broadcast(world->server, "r", HEARTH_TEXT, text, length, 0), people + 1);
    else if (strcmp(variant, "user") == 0)
        CHECK_NUMBER(hearth_user_send(world->server, "all", HEARTH_TEXT, text, length, 0), people + 1);
    else
        CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, text, length, 0), people + 1);
    for (int i = 0; i < people; i++)
        peer_expect(peers[i], is_compressed && i > 0, text, length);
    return count_of(&deflate_calls) - before;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    int threads = strcmp(variant, "threads") == 0 ? 2 : 1;
    struct world *world = world_new(threads == 2 ? "compression=on compression_context_takeover=on threads=2"
                                                 : "compression=on compression_context_takeover=on");
    world->on_event = on_event;
    world_route(world, "/{room}", "join=auto,relay=others");
    int port = world_start(world), sender = client_open(port, "/r");
    struct peer *peers[people];
    const char *none = "server_no_context_takeover", *small = "server_max_window_bits=10";
    char offer[200];
    for (int i = 0; i < people; i++) {
        /* One without compression, three without takeover, two with a smaller window, two with takeover. */
        const char *form = i == 0  ? "x-other"
                           : i < 4 ? "permessage-deflate; %s"
                           : i < 6 ? "permessage-deflate; %s; %s"
                                   : "permessage-deflate";
        snprintf(offer, sizeof offer, form, none, small);
        peers[i] = peer_open(port, "/r", offer, i == 0 ? NULL : offer);
    }
    world_wait(world, HEARTH_EVENT_OPEN, people + 1);
    world_wait(world, HEARTH_EVENT_JOINED, people + 1);

    char *text = compressible(3000);
    for (int repeated = 0; repeated < 3; repeated++) {
        long calls = deliver(world, peers, sender, text, 3000, 1);
        CHECK(calls >= 4 && calls <= 2 + 2 * threads);
    }
    CHECK_NUMBER(deliver(world, peers, sender, text, 1023, 0), 0);
    CHECK(deliver(world, peers, sender, text, 1024, 1) >= 4);

    for (int i = 0; i < people; i++)
        peer_close(peers[i]);
    client_close(sender, 1000);
    free(text);
    world_free(world);
    return 0;
}
