/* The rates are asked before a message is inflated: what they drop costs no inflating, and what a message
 * turns out to take more than its compressed bytes is paid back later. Where later messages refer to earlier
 * ones, a dropped one is inflated, and what follows is still read.
 * Variants: messages bytes takeover */
#include "deflate.h"
#include "world.h"

enum { size = 1 << 18, sent = 8 };

static long inflate_calls;
static const char *variant;

COUNTED_ZLIB(inflate, (z_stream * stream, int flush), (stream, flush), inflate_calls)

static int is(const char *name) {
    return strcmp(variant, name) == 0;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    char settings[200];
    snprintf(settings, sizeof settings,
             "compression=on max_rate_limit_drops=0 compression_context_takeover=%s %s",
             is("takeover") ? "on" : "off",
             is("bytes") ? "rate_limit_bytes=1000/s" : "rate_limit_messages=2/h");
    struct world *world = world_new(settings);
    const char *forgets = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    int port = world_start(world);
    struct peer *peer = is("takeover")
                            ? peer_open(port, "/", "permessage-deflate", "permessage-deflate")
                            : peer_open(port, "/", "permessage-deflate; client_no_context_takeover", forgets);
    char *text = compressible(size);
    /* Let through: two messages and the warning; or one, which owes its inflated bytes, and the warning. */
    size_t passes = is("bytes") ? 2 : 3;
    for (int i = 0; i < sent; i++)
        peer_send(peer, DEFLATE_TEXT, text, is("bytes") ? size : 100);
    /* The answer to a ping says that all before it is handled. */
    client_send_frame(peer->fd, 0x89, "", 0);
    struct client_frame *frame = client_receive(peer->fd);
    CHECK(frame && frame->opcode == CLIENT_PONG);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), passes);
    if (!is("bytes")) {
        /* A message that is not larger than one output takes two calls, with its end. */
        long calls = count_of(&inflate_calls);
        printf("%ld calls of inflate for %d messages\n", calls, sent);
        CHECK(is("takeover") ? calls >= sent : calls <= 2 * (long)passes);
    }
    peer_close(peer);
    free(text);
    world_free(world);
    return 0;
}
