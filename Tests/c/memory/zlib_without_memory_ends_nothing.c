/* Without memory for a compressor a message leaves as it is; without memory for inflating the connection is
 * closed with 1011. The others go on.
 * Variants: shared takeover */
#include "deflate.h"
#include "world.h"

static int is_scarce;

/* deflateInit2 and inflateInit2 are macros that call these. */
int deflateInit2_(z_stream *stream, int level, int method, int window, int memory, int strategy,
                  const char *version, int size) {
    static int (*original)(z_stream *, int, int, int, int, int, const char *, int);
    if (!original)
        original = (int (*)(z_stream *, int, int, int, int, int, const char *, int))dlsym(RTLD_NEXT,
                                                                                        "deflateInit2_");
    if (__atomic_load_n(&is_scarce, __ATOMIC_SEQ_CST))
        return Z_MEM_ERROR;
    return original(stream, level, method, window, memory, strategy, version, size);
}

int inflateInit2_(z_stream *stream, int window, const char *version, int size) {
    static int (*original)(z_stream *, int, const char *, int);
    if (!original)
        original = (int (*)(z_stream *, int, const char *, int))dlsym(RTLD_NEXT, "inflateInit2_");
    if (__atomic_load_n(&is_scarce, __ATOMIC_SEQ_CST))
        return Z_MEM_ERROR;
    return original(stream, window, version, size);
}

static void set_scarce(int scarce) {
    __atomic_store_n(&is_scarce, scarce, __ATOMIC_SEQ_CST);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    int takes_over = strcmp(arguments[1], "takeover") == 0;
    const char *answer = takes_over
                             ? "permessage-deflate"
                             : "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    struct world *world =
        world_new(takes_over ? "compression=on compression_context_takeover=on" : "compression=on");
    char *text = compressible(3000);
    world->on_event = echo;
    int port = world_start(world);
    struct peer *witness = peer_open(port, "/", "permessage-deflate", answer);
    struct peer *peer = peer_open(port, "/", "permessage-deflate", answer);

    set_scarce(1);
    for (int i = 0; i < 3; i++) {
        client_send_text(witness->fd, text);
        peer_expect(witness, 0, text, 3000);
    }
    peer_send(peer, DEFLATE_TEXT, text, 3000);
    client_expect_close(peer->fd, 1011);
    client_expect_end(peer->fd);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 1011);

    set_scarce(0);
    client_send_text(witness->fd, text);
    peer_expect(witness, 1, text, 3000);
    peer_send(witness, DEFLATE_TEXT, text, 3000);
    peer_expect(witness, 1, text, 3000);
    peer_close(witness);
    peer_free(peer);
    free(text);
    world_free(world);
    return 0;
}
