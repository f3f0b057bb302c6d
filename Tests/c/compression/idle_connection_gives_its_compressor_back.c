/* The compressor of a connection that takes its context over is given back when the connection sent nothing
 * compressed between two pings, and the next message is understood all the same. */
#include "deflate.h"
#include "world.h"

int main(void) {
    struct world *world =
        world_new("compression=on compression_context_takeover=on ping_interval=50ms ping_timeout=20s");
    char *text = compressible(3000);
    world->on_event = echo;
    struct peer *peer = peer_open(world_start(world), "/", "permessage-deflate", "permessage-deflate");
    for (int repeated = 0; repeated < 3; repeated++) {
        for (int i = 0; i < 3; i++) {
            peer_send(peer, DEFLATE_TEXT, text, 3000);
            while (peer_receive(peer) == 0)
                client_send_frame(peer->fd, 0x8A, peer->data, peer->length);
            CHECK(peer->length == 3000 && memcmp(peer->data, text, 3000) == 0);
        }
        while (count_of(&deflate_ends) <= repeated) {
            CHECK_NUMBER(peer_receive(peer), 0);
            CHECK_NUMBER(peer->frame->opcode, CLIENT_PING);
            client_send_frame(peer->fd, 0x8A, peer->data, peer->length);
        }
    }
    peer_close(peer);
    free(text);
    world_free(world);
    return 0;
}
