/* Who can read only close codes gets one, though not at once. A peer or a server that goes meanwhile does no
 * harm. */
#include "client.h"
#include "token.h"
#include "world.h"

static int64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void) {
    struct world *world = world_new(TOKEN_SETTINGS " reject_delay=150ms");
    char head[8192];
    int port = world_start(world);
    int64_t start = milliseconds();
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/", "Origin: http://127.0.0.1\r\n", head, sizeof head), 101);
    CHECK(milliseconds() - start >= 150);
    client_expect_close(fd, 4500);
    client_send_close(fd, 4500);
    client_expect_end(fd);
    fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/", "", head, sizeof head), 401);
    CHECK(strstr(head, "\r\nWWW-Authenticate: Bearer\r\n"));
    close(fd);

    for (int i = 0; i < 50; i++) {
        fd = client_connect(port);
        client_send_upgrade(fd, "/", "Origin: http://127.0.0.1\r\n");
        if (i % 2)
            client_cut(fd);
        else
            close(fd);
    }
    int held[20];
    for (int i = 0; i < 20; i++) {
        held[i] = client_connect(port);
        client_send_upgrade(held[i], "/", "Origin: http://127.0.0.1\r\n");
    }
    usleep(20000);
    CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
    for (int i = 0; i < 20; i++) {
        /* Nothing, or what came before the server went where that took its time: then the end. */
        while (client_read(held[i], head, 1))
            ;
        close(held[i]);
    }
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 0);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 0);
    world_free(world);
    return 0;
}
