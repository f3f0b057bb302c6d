/* With permessage-deflate agreed on, messages of every size come and go compressed, in fragments too and with
 * control frames between them; small ones, and those that do not get smaller, go out as they are.
 * Variants: alone takeover window */
#include "deflate.h"
#include "world.h"

static void exchange(struct peer *peer, int takes_over) {
    static const size_t sizes[] = {1, 1023, 1024, 1025, 65535, 65536, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = compressible(sizes[i]), *noise = incompressible(sizes[i]);
        for (int repeated = 0; repeated < 2; repeated++) {
            peer_send(peer, DEFLATE_TEXT, text, sizes[i]);
            peer_expect(peer, sizes[i] >= 1024, text, sizes[i]);
            client_send_frame(peer->fd, 0x81, text, sizes[i]);
            peer_expect(peer, sizes[i] >= 1024, text, sizes[i]);
            peer_send(peer, DEFLATE_BINARY, noise, sizes[i]);
            peer_expect(peer, sizes[i] >= 1024 && takes_over, noise, sizes[i]);
        }
        free(text);
        free(noise);
    }
}

static void send_in_fragments(struct peer *peer) {
    char *text = compressible(5000);
    unsigned char compressed[6000];
    size_t length = peer_compress(peer, text, 5000, Z_SYNC_FLUSH, compressed, sizeof compressed);
    client_send_frame(peer->fd, 0x41, compressed, 3);
    client_send_frame(peer->fd, 0x89, "between", 7);
    client_send_frame(peer->fd, 0x00, compressed + 3, length - 4);
    client_send_frame(peer->fd, 0x80, compressed + length - 1, 1);
    peer_expect(peer, 0, "between", 7);
    CHECK_NUMBER(peer->frame->opcode, CLIENT_PONG);
    peer_expect(peer, 1, text, 5000);
    free(text);
}

static void send_bytewise(struct peer *peer) {
    char *noise = incompressible(300);
    unsigned char compressed[500], frame[600] = {DEFLATE_BINARY, 0x80 | 126};
    size_t length = peer_compress(peer, noise, 300, Z_SYNC_FLUSH, compressed, sizeof compressed);
    CHECK(length > 125);
    frame[2] = (unsigned char)(length >> 8);
    frame[3] = (unsigned char)length;
    memcpy(frame + 8, compressed, length);
    for (size_t i = 0; i < length + 8; i++)
        client_write(peer->fd, frame + i, 1);
    peer_expect(peer, 0, noise, 300);
    free(noise);
}

/* Blocks with BFINAL, no blocks but an empty one, and nothing at all are messages too. */
static void send_rarities(struct peer *peer) {
    char *text = compressible(2000);
    unsigned char compressed[2100];
    peer->forgets_out = 1;
    size_t length = peer_compress(peer, text, 2000, Z_FINISH, compressed, sizeof compressed);
    for (int repeated = 0; repeated < 2; repeated++) {
        client_send_frame(peer->fd, DEFLATE_TEXT, compressed, length);
        peer_expect(peer, 1, text, 2000);
    }
    client_send_frame(peer->fd, DEFLATE_TEXT, "\0", 1);
    peer_expect(peer, 0, "", 0);
    client_send_frame(peer->fd, DEFLATE_TEXT, "", 0);
    peer_expect(peer, 0, "", 0);
    client_send_frame(peer->fd, DEFLATE_TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    peer_expect(peer, 0, "Hello", 5);
    free(text);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    int takes_over = strcmp(arguments[1], "takeover") == 0, has_window = strcmp(arguments[1], "window") == 0;
    struct world *world = world_new(takes_over   ? "compression=on compression_context_takeover=on"
                                    : has_window ? "compression=on compression_window_bits=10"
                                                 : "compression=on");
    world->on_event = echo;
    struct peer *peer = peer_open(
        world_start(world), "/", "permessage-deflate; client_max_window_bits",
        takes_over   ? "permessage-deflate"
        : has_window ? "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                       "server_max_window_bits=10"
                     : "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    exchange(peer, takes_over);
    send_in_fragments(peer);
    send_bytewise(peer);
    send_rarities(peer);
    peer_close(peer);
    world_free(world);
    return 0;
}
