/* A TLS handshake has handshake_timeout and max_tls_handshake_size: peers that say nothing, a byte at a time,
 * or too much are let go, 500 at once too, while others are served. */
#define CLIENT_TLS
#include "client.h"
#include "world.h"

enum { peers = 500 };

static int connect_only(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {20, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

/* The first flight of a client, as it is on the wire. */
static size_t first_flight(unsigned char *bytes, size_t capacity) {
    SSL_CTX *context = sealed_context();
    SSL *stream = SSL_new(context);
    BIO *input = BIO_new(BIO_s_mem()), *output = BIO_new(BIO_s_mem());
    SSL_set_bio(stream, input, output);
    CHECK(SSL_connect(stream) != 1);
    int count = BIO_read(output, bytes, (int)capacity);
    CHECK(count > 0);
    SSL_free(stream);
    SSL_CTX_free(context);
    return (size_t)count;
}

/* Whether the peer has ended, after whatever it said. */
static void expect_over(int fd) {
    char bytes[4096];
    ssize_t count;
    while ((count = recv(fd, bytes, sizeof bytes, 0)) > 0) {
    }
    CHECK(count == 0 || errno == ECONNRESET);
    close(fd);
}

int main(void) {
    static int waiting[peers];
    unsigned char hello[4096];
    struct world *world =
        world_new("handshake_timeout=700ms close_timeout=300ms max_tls_handshake_size=8KiB");
    world->on_event = echo;
    int port = world_start(world);
    size_t length = first_flight(hello, sizeof hello);
    int good = client_open(port, "/");
    for (int i = 0; i < peers; i++) {
        waiting[i] = connect_only(port);
        /* Silent ones, ones that stop in the middle of a record, and ones that stop after it. */
        size_t part = i % 3 == 0 ? 0 : i % 3 == 1 ? length / 2 : length;
        CHECK(send(waiting[i], hello, part, MSG_NOSIGNAL) == (ssize_t)part);
    }
    client_send_text(good, "served meanwhile");
    client_expect_text(good, "served meanwhile");
    int slow = connect_only(port);
    for (size_t i = 0; i < length && send(slow, hello + i, 1, MSG_NOSIGNAL) == 1; i++)
        usleep(20000);
    expect_over(slow);
    for (int i = 0; i < peers; i++)
        expect_over(waiting[i]);

    /* A message of the handshake that says it has a megabyte. */
    int large = connect_only(port);
    unsigned char record[5 + 1024] = {22, 3, 1, 4, 0, 1, 0x0F, 0, 0, 3, 3};
    for (int i = 0; i < 64 && send(large, record, sizeof record, MSG_NOSIGNAL) == sizeof record; i++)
        usleep(1000);
    expect_over(large);
    client_send_text(good, "still served");
    client_expect_text(good, "still served");
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 1);
    client_close(good, 1000);
    world_free(world);
    return 0;
}
