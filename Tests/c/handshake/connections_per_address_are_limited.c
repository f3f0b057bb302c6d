/* An address gets max_connections_per_ip and no more, requests included; the next is answered 429 with a
 * time to come back. Behind a trusted proxy it is the peers' addresses that count. */
#include "client.h"
#include "world.h"

static int ask(int port, const char *fields, int *kept) {
    char head[8192];
    int fd = client_connect(port), status = client_upgrade(fd, "/", fields, head, sizeof head);
    if (status == 429)
        CHECK(strcasestr(head, "\r\nRetry-After: "));
    if (status == 101)
        *kept = fd;
    else
        close(fd);
    return status;
}

int main(void) {
    int first, second, third;
    struct world *world = world_new("max_connections_per_ip=2");
    int port = world_start(world);
    CHECK_NUMBER(ask(port, "", &first), 101);
    int waiting = client_connect(port);
    client_write_text(waiting, "GET / HTTP/1.1\r\n");
    CHECK_NUMBER(ask(port, "", &second), 429);
    CHECK_NUMBER(ask(port, "X-Forwarded-For: 203.0.113.1\r\n", &second), 429);
    client_close(first, 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    for (int tries = 0; ask(port, "", &first) != 101; tries++) {
        CHECK(tries < 100);
        usleep(10000);
    }
    world_free(world);

    world = world_new("max_connections_per_ip=1 trusted_proxies=127.0.0.0/8,10.0.0.0/8");
    port = world_start(world);
    CHECK_NUMBER(ask(port, "X-Forwarded-For: 198.51.100.7, 203.0.113.1\r\n", &first), 101);
    CHECK_NUMBER(ask(port, "X-Forwarded-For: 203.0.113.1, 10.1.1.1\r\n", &second), 429);
    CHECK_NUMBER(ask(port, "X-Forwarded-For: 203.0.113.2\r\n", &second), 101);
    CHECK_NUMBER(ask(port, "X-Forwarded-For: [2001:db8::1]:80\r\n", &third), 101);
    CHECK_NUMBER(ask(port, "X-Forwarded-For: 2001:db8::ffff:0:0:1\r\n", &third), 429);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->address, "203.0.113.1:0");
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 3)->address, "[2001:db8::1]:80");
    world_free(world);
    return 0;
}
