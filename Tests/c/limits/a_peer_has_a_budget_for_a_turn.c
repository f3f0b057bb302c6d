/* What one peer sends at once is handled in several turns: at most 64 messages and 256 KiB of inflated bytes
 * in each. Nothing is lost, the order stays, and the peers that are ready meanwhile are served between.
 * Variants: messages pings inflated takeover end reset close leftover */
#include "driven.h"
#include "turns.h"

enum { MESSAGES = 1500, BOMBS = 40, BOMB_SIZE = 1 << 20 };

static const char *variant;
static int received, probe_at = -1;
static long probe_turn;
static hearth_connection probe;

static int is(const char *name) {
    return strcmp(variant, name) == 0;
}

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    if (event->connection == probe) {
        probe_at = received;
        probe_turn = turns;
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
        return;
    }
    if (event->data_length < 100) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "%d", received);
        CHECK_NUMBER(event->data_length, strlen(wanted));
        CHECK(memcmp(event->data, wanted, strlen(wanted)) == 0);
    } else {
        CHECK_NUMBER(event->data_length, BOMB_SIZE);
    }
    received++;
    note_turn_message();
}

struct bytes {
    unsigned char *data;
    size_t count;
};

static void add_frame(struct bytes *bytes, int first, const void *data, size_t length) {
    unsigned char *frame = bytes->data + bytes->count;
    size_t at = 0;
    frame[at++] = (unsigned char)first;
    if (length < 126) {
        frame[at++] = (unsigned char)(0x80 | length);
    } else {
        CHECK(length < 65536);
        frame[at++] = 0x80 | 126;
        frame[at++] = (unsigned char)(length >> 8);
        frame[at++] = (unsigned char)length;
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, data, length);
    bytes->count += at + 4 + length;
}

/* Frames that the peer sends at once. Those of bombs are compressed and inflate to a mebibyte each. */
static struct bytes flood(void) {
    struct bytes bytes = {malloc(1 << 20), 0};
    char text[32];
    CHECK(bytes.data);
    if (is("inflated") || is("takeover")) {
        unsigned char *zeros = calloc(1, BOMB_SIZE), *compressed = malloc(1 << 16);
        z_stream stream = {0};
        CHECK(zeros && compressed);
        CHECK(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        for (int i = 0; i < BOMBS; i++) {
            if (is("inflated"))
                deflateReset(&stream);
            stream.next_in = zeros;
            stream.avail_in = BOMB_SIZE;
            stream.next_out = compressed;
            stream.avail_out = 1 << 16;
            CHECK(deflate(&stream, Z_SYNC_FLUSH) == Z_OK);
            add_frame(&bytes, 0xC2, compressed, (size_t)((1 << 16) - stream.avail_out - 4));
        }
        deflateEnd(&stream);
        free(zeros);
        free(compressed);
        return bytes;
    }
    for (int i = 0; i < MESSAGES; i++) {
        if (is("pings"))
            add_frame(&bytes, 0x89, text, 0);
        snprintf(text, sizeof text, "%d", i);
        add_frame(&bytes, 0x81, text, strlen(text));
    }
    if (is("close"))
        add_frame(&bytes, 0x88, "\x03\xE8", 2);
    return bytes;
}

/* Opens the peer that is flooding, its frames right behind its request if the variant says so. */
static int open_flooding(struct world *world, int port, const struct bytes *bytes) {
    char head[8192];
    int fd = client_connect(port), size = 1 << 20;
    const char *offer =
        is("inflated")   ? "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
        : is("takeover") ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                         : "";
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    client_send_upgrade(fd, "/", offer);
    if (is("leftover"))
        client_write(fd, bytes->data, bytes->count);
    TURN_UNTIL(world, is_readable(fd));
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    CHECK((strstr(head, "permessage-deflate") != NULL) == (offer[0] != '\0'));
    return fd;
}

static void expect_fairness(struct world *world, int fd) {
    char echoed[4];
    long before = turns;
    TURN_UNTIL(world, probe_at >= 0);
    /* It was served before the flood was over; what came with a request is handled before it is sent. */
    CHECK(is("leftover") || probe_at < (is("inflated") || is("takeover") ? BOMBS : MESSAGES));
    CHECK(world_read(world, fd, echoed, 3));
    printf("the probe was answered after %ld turns and %d messages\n", probe_turn - before, probe_at);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    struct world *world = world_new(
        is("takeover") ? "compression=on compression_context_takeover=on rate_limit_control=off"
                       : "compression=on rate_limit_control=off");
    world->on_event = on_event;
    int port = world_drive(world);
    int other = world_open(world, port, "/");
    probe = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    struct bytes bytes = flood();
    int wanted = is("inflated") || is("takeover") ? BOMBS : MESSAGES;
    int fd = open_flooding(world, port, &bytes);
    if (!is("leftover"))
        client_write(fd, bytes.data, bytes.count);
    if (is("end")) {
#ifdef CLIENT_TLS
        SSL_shutdown(sealed_streams[fd]);
#endif
        shutdown(fd, SHUT_WR);
    }
    client_send_text(other, "a");
    if (is("reset")) {
        /* Pongs and echoes cannot be written any more, and what has been read is handled all the same. */
        TURN_UNTIL(world, received > 0);
        client_cut(fd);
    }
    expect_fairness(world, other);
    TURN_UNTIL(world, received == wanted || world_count(world, HEARTH_EVENT_CLOSE) > 0);
    if (!is("reset"))
        CHECK_NUMBER(received, wanted);
    if (is("close") || is("end") || is("reset")) {
        struct record *closed = world_turn_until(world, HEARTH_EVENT_CLOSE, 1);
        CHECK_NUMBER(closed->code, is("close") ? 1000 : 1006);
    }
    check_turns();
    free(bytes.data);
    world_free(world);
    return 0;
}
