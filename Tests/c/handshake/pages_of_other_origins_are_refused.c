/* Browsers say where their page is from; by default only pages of the same host may connect. */
#include "client.h"
#include "world.h"

static int status_of(int port, const char *fields) {
    char head[8192];
    int fd = client_connect(port);
    int status = client_upgrade(fd, "/", fields, head, sizeof head);
    close(fd);
    return status;
}

int main(void) {
    /* The client of these tests names 127.0.0.1 as its host, without a port. */
    struct world *world = world_new("");
    int port = world_start(world);
    CHECK_NUMBER(status_of(port, ""), 101);
    CHECK_NUMBER(status_of(port, "Origin: http://127.0.0.1\r\n"), 101);
    CHECK_NUMBER(status_of(port, "Origin: https://127.0.0.1\r\n"), 101);
    CHECK_NUMBER(status_of(port, "Origin: http://127.0.0.1:8080\r\n"), 403);
    CHECK_NUMBER(status_of(port, "Origin: https://evil.example\r\n"), 403);
    CHECK_NUMBER(status_of(port, "Origin: null\r\n"), 403);
    CHECK_NUMBER(status_of(port, "Origin: \r\n"), 403);
    CHECK_NUMBER(status_of(port, "Origin: http://127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"), 400);
    world_free(world);

    world = world_new("allowed_origins=https://*.example.com,null");
    port = world_start(world);
    CHECK_NUMBER(status_of(port, "Origin: https://a.example.com\r\n"), 101);
    CHECK_NUMBER(status_of(port, "Origin: null\r\n"), 101);
    CHECK_NUMBER(status_of(port, "Origin: https://aexample.com\r\n"), 403);
    CHECK_NUMBER(status_of(port, "Origin: http://127.0.0.1\r\n"), 403);
    world_free(world);
    return 0;
}
