/* What breaks the rules of TLS ends its connection alone, with exactly one CLOSE: a record that is changed,
 * repeated, cut off or plain, a peer that renegotiates, and one that asks for new keys and reads no answer.
 * Variants: changed repeated truncated plain garbage renegotiating rekeying rekeying_between */
#define CLIENT_TLS
#include "client.h"
#include "world.h"

static const char *logged_reason = "";
static char reasons[8192];

static void on_log(void *context, const hearth_log_entry *entry) {
    (void)context;
    for (const char *at = entry->fields; at < entry->fields + entry->fields_length;) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, "reason") == 0)
            strncat(reasons, value, sizeof reasons - strlen(reasons) - 1);
        at = value + strlen(value) + 1;
    }
}

/* A connection that takes little before its peer has to wait. */
static int connect_narrow(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), bytes = 4096;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* What the peer would send for a message, instead of sending it. */
static size_t sealed_record(int fd, unsigned char *bytes, size_t capacity) {
    BIO *memory = BIO_new(BIO_s_mem()), *socket = SSL_get_wbio(sealed_streams[fd]);
    BIO_up_ref(socket);
    SSL_set0_wbio(sealed_streams[fd], memory);
    client_send_text(fd, "message");
    int count = BIO_read(memory, bytes, (int)capacity);
    CHECK(count > 0);
    SSL_set0_wbio(sealed_streams[fd], socket);
    return (size_t)count;
}

static void send_bytes(int fd, const void *bytes, size_t length) {
    CHECK(send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
}

static void on_event(struct world *world, const hearth_event *event) {
    static char block[1 << 20];
    echo(world, event);
    if (event->type == HEARTH_EVENT_MESSAGE && event->data_length == 5 &&
        memcmp(event->data, "flood", 5) == 0)
        for (int i = 0; i < 16; i++)
            CHECK_NUMBER(hearth_connection_send(event->connection, HEARTH_BINARY, block, sizeof block), 1);
}

/* Asks for new keys again and again, and never reads; until the engine ends it. With messages between, while
 * the engine has much to send to it. */
static void ask_for_keys(int fd, int says_something) {
    if (says_something)
        client_send_text(fd, "flood");
    for (long i = 0; i < 5000000; i++) {
        size_t count;
        if (says_something && SSL_write_ex(sealed_streams[fd],
                                           "\x8a\x80\0\0\0\0\x8a\x80\0\0\0\0"
                                           "\x8a\x80\0\0\0\0\x8a\x80\0\0\0\0"
                                           "\x8a\x80\0\0\0\0\x8a\x80\0\0\0\0",
                                           36, &count) != 1)
            return;
        if (SSL_key_update(sealed_streams[fd], SSL_KEY_UPDATE_REQUESTED) != 1)
            return;
        if (SSL_do_handshake(sealed_streams[fd]) != 1)
            return;
    }
    CHECK(!"it goes on for ever");
}

static void misbehave(int fd, const char *how) {
    unsigned char record[4096];
    if (strncmp(how, "rekeying", 8) == 0)
        return ask_for_keys(fd, strcmp(how, "rekeying") != 0);
    if (strcmp(how, "renegotiating") == 0) {
        CHECK(SSL_renegotiate(sealed_streams[fd]) == 1);
        SSL_do_handshake(sealed_streams[fd]); /* sends the wish, and may already hear the answer */
        char byte;
        while (SSL_read(sealed_streams[fd], &byte, 1) > 0) {
        }
        CHECK_NUMBER(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
        return;
    }
    size_t length = sealed_record(fd, record, sizeof record);
    if (strcmp(how, "changed") == 0)
        record[length - 1] ^= 1;
    if (strcmp(how, "truncated") == 0)
        length--;
    if (strcmp(how, "plain") == 0)
        return send_bytes(fd, "\x81\x05hello", 7);
    if (strcmp(how, "garbage") == 0)
        memset(record, 0xA5, length);
    send_bytes(fd, record, length);
    if (strcmp(how, "repeated") == 0)
        send_bytes(fd, record, length);
    if (strcmp(how, "truncated") == 0)
        shutdown(fd, SHUT_WR);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    struct world *world = world_new("max_outbox_bytes=64MiB close_timeout=300ms");
    world->on_event = on_event;
    hearth_engine_on_log(world->engine, on_log, NULL);
    int port = world_start(world), good = client_open(port, "/");
    SSL_CTX_free(client_default_context);
    client_default_context = sealed_context();
    if (strcmp(arguments[1], "renegotiating") == 0)
        SSL_CTX_set_max_proto_version(client_default_context, TLS1_2_VERSION);
    int fd = client_open_on(client_begin(connect_narrow(port)), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 2)->connection;
    misbehave(fd, arguments[1]);
    struct record *close_event;
    if (strcmp(arguments[1], "renegotiating") == 0) {
        /* It is told no, by an alert, and served on or not as it likes. */
        close(fd);
        close_event = world_wait(world, HEARTH_EVENT_CLOSE, 1);
    } else {
        close_event = world_wait(world, HEARTH_EVENT_CLOSE, 1);
        CHECK_NUMBER(close_event->code, 1006);
        close(fd);
    }
    CHECK(close_event->connection == connection);
    client_send_text(good, "served on");
    client_expect_text(good, "served on");
    client_close(good, 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, 2);
    const char *how = arguments[1];
    if (strcmp(how, "changed") == 0 || strcmp(how, "repeated") == 0)
        logged_reason = "a record was changed, repeated or left out on its way";
    if (strcmp(how, "plain") == 0 || strcmp(how, "garbage") == 0)
        logged_reason = "the peer does not speak TLS, or not by its rules";
    if (strcmp(how, "rekeying") == 0)
        logged_reason = "the peer asks for new keys and for nothing else";
    if (strcmp(how, "rekeying_between") == 0)
        logged_reason = "does not read them";
    world_free(world);
    if (!strstr(reasons, logged_reason))
        fprintf(stderr, "%s\n", reasons);
    CHECK(strstr(reasons, logged_reason));
    return 0;
}
