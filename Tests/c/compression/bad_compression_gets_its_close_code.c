/* A compressed message that is none ends the connection with 1007, one that may not be there with 1002, and
 * text that is not UTF-8 once inflated with 1007. Other connections go on. */
#include "deflate.h"
#include "world.h"

static const char *offer = "permessage-deflate";
static const char *answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
static int port;

static void expect_close(int fd, int code) {
    client_expect_close(fd, code);
    client_expect_end(fd);
}

static void send_once(int first, const void *data, size_t length, int code) {
    struct peer *peer = peer_open(port, "/", offer, answer);
    client_send_frame(peer->fd, first, data, length);
    expect_close(peer->fd, code);
    peer_free(peer);
}

static void send_references(void) {
    char *text = compressible(2000);
    unsigned char compressed[2100];
    /* To a dictionary that only one side has. */
    struct peer *peer = peer_open(port, "/", offer, answer);
    CHECK(deflateSetDictionary(&peer->out, (void *)text, 2000) == Z_OK);
    peer->forgets_out = 0;
    size_t length = peer_compress(peer, text, 2000, Z_SYNC_FLUSH, compressed, sizeof compressed);
    client_send_frame(peer->fd, DEFLATE_TEXT, compressed, length);
    expect_close(peer->fd, 1007);
    peer_free(peer);
    /* To the message before, although nothing is taken over. */
    peer = peer_open(port, "/", offer, answer);
    peer->forgets_out = 0;
    peer_send(peer, DEFLATE_TEXT, text, 2000);
    peer_expect(peer, 1, text, 2000);
    peer_send(peer, DEFLATE_TEXT, text, 2000);
    expect_close(peer->fd, 1007);
    peer_free(peer);
    free(text);
}

/* A message that stops in the midst of a block. */
static void send_without_end(void) {
    char *text = compressible(2000);
    unsigned char compressed[2100];
    struct peer *peer = peer_open(port, "/", offer, answer);
    size_t length = peer_compress(peer, text, 2000, Z_SYNC_FLUSH, compressed, sizeof compressed);
    client_send_frame(peer->fd, DEFLATE_TEXT, compressed, length / 2);
    expect_close(peer->fd, 1007);
    peer_free(peer);
    free(text);
}

int main(void) {
    struct world *world = world_new("compression=on");
    char *noise = incompressible(5000);
    world->on_event = echo;
    port = world_start(world);
    struct peer *witness = peer_open(port, "/", offer, answer);

    send_once(DEFLATE_BINARY, "\xFF\xFF\xFF", 3, 1007);
    send_once(DEFLATE_BINARY, noise, 5000, 1007);
    send_references();
    send_without_end();

    /* A block without compression that holds half a character. */
    send_once(DEFLATE_TEXT, "\x00\x01\x00\xFE\xFF\xC3\x00", 7, 1007);

    send_once(0xC9, "", 0, 1002);
    send_once(0xC8, "", 0, 1002);
    send_once(0xA1, "a", 1, 1002);
    send_once(0xD1, "a", 1, 1002);
    struct peer *peer = peer_open(port, "/", offer, answer);
    client_send_frame(peer->fd, 0x41, "\xf2", 1);
    client_send_frame(peer->fd, 0xC0, "\x48\xcd\xc9\xc9\x07\x00", 6);
    expect_close(peer->fd, 1002);
    peer_free(peer);
    /* Nothing was agreed on. */
    int fd = client_open(port, "/");
    client_send_frame(fd, DEFLATE_TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    expect_close(fd, 1002);

    peer_send(witness, DEFLATE_TEXT, "still here", 10);
    peer_expect(witness, 0, "still here", 10);
    peer_close(witness);
    free(noise);
    world_free(world);
    return 0;
}
