/* What is answered to an offer of permessage-deflate: nothing by default, to browsers whose compression is
 * broken, and to offers that cannot be met; else what the keys say. */
#include "deflate.h"
#include "world.h"

#define BOTH "; server_no_context_takeover; client_no_context_takeover"

static void expect(const char *settings, const char *offer, const char *answer) {
    struct world *world = world_new(settings);
    world->on_event = echo;
    struct peer *peer = peer_open(world_start(world), "/", offer, answer);
    client_send_text(peer->fd, "hello");
    peer_expect(peer, 0, "hello", 5);
    peer_close(peer);
    world_free(world);
}

int main(void) {
    expect("", "permessage-deflate", NULL);
    expect("compression=off compression_context_takeover=on", "permessage-deflate", NULL);
    expect("compression=on", "permessage-deflate", "permessage-deflate" BOTH);
    expect("compression=on", "permessage-deflate; server_max_window_bits=8", NULL);
    expect("compression=on", "permessage-deflate; nonsense, permessage-deflate", "permessage-deflate" BOTH);
    expect("compression=on", "permessage-deflate\r\nUser-Agent: Mozilla/5.0 Version/15.2 Safari/605.1.15",
           NULL);
    expect("compression=on", "permessage-deflate\r\nUser-Agent: Mozilla/5.0 Version/16.2 Safari/605.1.15",
           "permessage-deflate" BOTH);
    expect("compression=on compression_context_takeover=on compression_window_bits=11",
           "permessage-deflate; client_max_window_bits",
           "permessage-deflate; server_max_window_bits=11; client_max_window_bits=11");
    /* What may be dropped from an outbox must not be what later messages refer to. */
    expect("compression=on compression_context_takeover=on slow_consumer=drop_oldest", "permessage-deflate",
           "permessage-deflate; server_no_context_takeover");
    return 0;
}
