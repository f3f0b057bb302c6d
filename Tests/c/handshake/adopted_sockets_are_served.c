/* A socket that the program accepted, and what it read from it, is taken over: in the middle of the head,
 * behind it, with frames that came along; and refused where it cannot be.
 * Variants: nothing part head frames unix threads refused */
#include "client.h"
#include "world.h"
#include <fcntl.h>
#include <sys/un.h>

static const char head[] =
    "GET /room/one?x=1 HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/* "hello", masked with zeros. */
static const char frame[] = "\x81\x85\0\0\0\0hello";

static int make_listener(struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(listener, (struct sockaddr *)address, sizeof *address) == 0);
    CHECK(listen(listener, 64) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)address, &length) == 0);
    return listener;
}

/* The peer writes all but the program has read only `taken` bytes, which it hands over. */
static void take_over(struct world *world, int listener, int port, size_t taken, size_t behind) {
    char all[sizeof head + sizeof frame], answer[8192], read_here[sizeof all];
    size_t length = sizeof head - 1 + behind;
    memcpy(all, head, sizeof head - 1);
    memcpy(all + sizeof head - 1, frame, behind);
    int peer = client_connect(port);
    client_write(peer, all, length);
    int accepted = accept(listener, NULL, NULL);
    CHECK(accepted >= 0);
    CHECK(taken == 0 || client_read(accepted, read_here, taken));
    CHECK(!(fcntl(accepted, F_GETFL) & O_NONBLOCK));
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, read_here, taken), HEARTH_OK);
    CHECK(fcntl(accepted, F_GETFL) & O_NONBLOCK);
    CHECK_NUMBER(client_read_head(peer, answer, sizeof answer), 101);
    if (behind == 0)
        client_send_text(peer, "hello");
    struct client_frame *echo = client_receive(peer);
    CHECK(echo && echo->length == 5 && memcmp(echo->data, "hello", 5) == 0);
    client_close(peer, 1000);
}

static void expect_refusals(void) {
    struct sockaddr_in address;
    int listener = make_listener(&address), ends[2];
    struct world *world = world_new("listen=none");
    int peer = client_connect(ntohs(address.sin_port)), accepted = accept(listener, NULL, NULL);
    CHECK(accepted >= 0 && pipe(ends) == 0);
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, NULL, 0), HEARTH_ERR_STATE);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_server_port(world->server), 0);
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, NULL, 0), HEARTH_ERR_STATE);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    CHECK_NUMBER(hearth_server_adopt(world->server, ends[0], NULL, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_adopt(world->server, listener, NULL, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_adopt(world->server, -1, NULL, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, NULL, 1), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_adopt(NULL, accepted, NULL, 0), HEARTH_ERR_INVALID);
    char *much = calloc(1, 2 << 20);
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, much, 2 << 20), HEARTH_ERR_TOO_LARGE);
    free(much);
    /* What was refused is still the program's. */
    CHECK(fcntl(accepted, F_GETFD) >= 0 && fcntl(ends[0], F_GETFD) >= 0);
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, "GET", 3), HEARTH_OK);
    /* Freed with what it adopted. */
    world_free(world);
    char byte;
    CHECK(recv(peer, &byte, 1, 0) <= 0);
}

static void take_over_pair(struct world *world) {
    char answer[8192];
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK_NUMBER(hearth_server_adopt(world->server, ends[1], head, sizeof head - 1), HEARTH_OK);
    CHECK_NUMBER(client_read_head(ends[0], answer, sizeof answer), 101);
    client_send_text(ends[0], "hello");
    CHECK(client_receive(ends[0]));
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->address, "unix");
    client_close(ends[0], 1000);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *variant = arguments[1];
    if (strcmp(variant, "refused") == 0) {
        expect_refusals();
        return 0;
    }
    int is_threads = strcmp(variant, "threads") == 0;
    struct sockaddr_in address;
    int listener = make_listener(&address), port = ntohs(address.sin_port);
    struct world *world = world_new(is_threads ? "listen=none threads=3" : "listen=none");
    world_route(world, "/room/{room}", "join=auto,relay=all");
    world_start(world);
    if (strcmp(variant, "nothing") == 0)
        take_over(world, listener, port, 0, 0);
    if (strcmp(variant, "part") == 0)
        for (size_t taken = 1; taken < sizeof head - 1; taken += 7)
            take_over(world, listener, port, taken, 0);
    if (strcmp(variant, "head") == 0 || is_threads)
        for (int index = 0; index < 30; index++)
            take_over(world, listener, port, sizeof head - 1, 0);
    if (strcmp(variant, "frames") == 0)
        for (size_t taken = 0; taken < sizeof frame; taken++)
            take_over(world, listener, port, sizeof head - 1 + taken, sizeof frame - 1);
    if (strcmp(variant, "unix") == 0)
        take_over_pair(world);
    world_wait(world, HEARTH_EVENT_CLOSE, world_count(world, HEARTH_EVENT_OPEN));
    world_free(world);
    return 0;
}
