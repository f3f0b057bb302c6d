/* A CONNECT event may be answered from another thread, and messages sent meanwhile are not lost. */
#include "client.h"
#include "world.h"

static void *accept_it(void *context) {
    struct world *world = context;
    hearth_connection connection = world_wait(world, HEARTH_EVENT_CONNECT, 1)->connection;
    CHECK_NUMBER(hearth_connection_accept(connection, NULL, NULL), HEARTH_OK);
    return NULL;
}

int main(void) {
    struct world *world = world_new("");
    pthread_t thread;
    char head[8192];
    world->on_event = echo;
    world_route(world, "/", "accept=ask");
    int fd = client_connect(world_start(world));
    client_write_text(fd, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    client_send_text(fd, "early");
    CHECK(pthread_create(&thread, NULL, accept_it, world) == 0);
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 101);
    client_expect_text(fd, "early");
    pthread_join(thread, NULL);
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
