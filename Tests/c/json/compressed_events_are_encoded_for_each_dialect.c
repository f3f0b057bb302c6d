/* Where dialects and compression meet, an event is compressed once for each dialect and a text that is the
 * same for all once in sum; a connection that takes its context over has its own each time. */
#include "deflate.h"
#include "world.h"

enum { people = 5, length = 3000 };

static void expect_all(struct peer **peers, const char *raw, const char *json) {
    /* Raw and JSON, without compression and with; JSON with takeover. */
    static const int is_json[people] = {0, 1, 0, 1, 1}, is_compressed[people] = {0, 0, 1, 1, 1};
    for (int i = 0; i < people; i++)
        peer_expect(peers[i], is_compressed[i], is_json[i] ? json : raw, strlen(is_json[i] ? json : raw));
}

int main(void) {
    struct world *world = world_new("compression=on compression_context_takeover=on");
    world_route(world, "/raw", "join=hall");
    world_route(world, "/json", "join=hall,dialect=json");
    int port = world_start(world);
    const char *alone = "permessage-deflate; server_no_context_takeover", *kept = "permessage-deflate";
    struct peer *peers[people] = {
        peer_open(port, "/raw", "x-none", NULL), peer_open(port, "/json", "x-none", NULL),
        peer_open(port, "/raw", alone, alone),   peer_open(port, "/json", alone, alone),
        peer_open(port, "/json", kept, kept),
    };
    world_wait(world, HEARTH_EVENT_JOINED, people);

    char data[length + 3], envelope[length + 100], *text = compressible(length);
    snprintf(data, sizeof data, "\"%.*s\"", length, text);
    for (char *quote = data + 1; *(quote + 1); quote++)
        *quote = *quote == '"' ? '\'' : *quote;
    snprintf(envelope, sizeof envelope, "{\"type\":\"news\",\"data\":%s}", data);
    for (int repeated = 0; repeated < 3; repeated++) {
        long before = count_of(&deflate_calls);
        CHECK_NUMBER(hearth_room_send_event(world->server, "hall", "news", data, strlen(data), NULL), people);
        expect_all(peers, data, envelope);
        CHECK_NUMBER(count_of(&deflate_calls) - before, 3);
        CHECK_NUMBER(hearth_room_broadcast(world->server, "hall", HEARTH_TEXT, text, length, NULL), people);
        expect_all(peers, text, text);
        CHECK_NUMBER(count_of(&deflate_calls) - before, 5);
    }
    for (int i = 0; i < people; i++)
        peer_close(peers[i]);
    free(text);
    world_free(world);
    return 0;
}
