/* max_message_size bounds a compressed message by what it inflates to, to the byte: ten mebibytes out of ten
 * kibibytes are refused with 1009, and memory never grows by more than the limit. */
#include "deflate.h"
#include "world.h"

/* Sanitizers keep what was freed. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { is_sanitized = 1 };
#else
enum { is_sanitized = 0 };
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { is_sanitized = 1 };
#else
enum { is_sanitized = 0 };
#endif

enum { message_max = 1 << 20, bomb_size = 10 << 20 };

/* What the process had in memory at most, in bytes; asking begins anew. */
static long peak(void) {
    FILE *file = fopen("/proc/self/status", "r"), *reset = fopen("/proc/self/clear_refs", "w");
    char line[256];
    long kibibytes = 0;
    CHECK(file && reset);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kibibytes) == 1)
            break;
    fclose(file);
    fputs("5", reset);
    fclose(reset);
    return kibibytes << 10;
}

static size_t received;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_MESSAGE)
        received = event->data_length;
}

int main(void) {
    const char *offer = "permessage-deflate; client_no_context_takeover";
    const char *answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    struct world *world = world_new("compression=on");
    unsigned char *compressed = malloc(1 << 16);
    char *zeros = calloc(1, bomb_size);
    CHECK(compressed && zeros);
    memset(zeros, 0, bomb_size);
    world->on_event = on_event;
    int port = world_start(world);

    struct peer *peer = peer_open(port, "/", offer, answer);
    peer_send(peer, DEFLATE_BINARY, zeros, message_max);
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    CHECK_NUMBER(received, message_max);
    peer_send(peer, DEFLATE_BINARY, zeros, message_max + 1);
    client_expect_close(peer->fd, 1009);
    client_expect_end(peer->fd);
    peer_free(peer);

    struct peer *bomber = peer_open(port, "/", offer, answer);
    size_t length = peer_compress(bomber, zeros, bomb_size, Z_SYNC_FLUSH, compressed, 1 << 16);
    CHECK(length < 11 << 10);
    peak();
    long before = peak();
    client_send_frame(bomber->fd, DEFLATE_BINARY, compressed, length);
    client_expect_close(bomber->fd, 1009);
    long after = peak();
    /* The message as it came, and the first touch of a few pages, are besides. */
    if (!is_sanitized)
        CHECK(after - before <= message_max + (64 << 10));
    printf("memory grew by %ld KiB\n", (after - before) >> 10);
    client_expect_end(bomber->fd);
    peer_free(bomber);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 1);
    free(compressed);
    free(zeros);
    world_free(world);
    return 0;
}
