/* A peer that asks and resets its connection ends, whatever its request was waiting for, and the loop
 * serves the others.
 * Variants: unanswered half_sent behind_another */
#include "client.h"
#include "world.h"

static const char *request(const char *variant) {
    if (strcmp(variant, "half_sent") == 0)
        return "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345";
    if (strcmp(variant, "behind_another") == 0)
        return "GET /page HTTP/1.1\r\nHost: a\r\n\r\nGET /page HTTP/1.1\r\nHost: a\r\n\r\n";
    return "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    struct world *world = world_new("");
    world->on_event = echo;
    world_route(world, "/page", "http=GET|POST");
    world_route(world, "/ws", "");
    int port = world_start(world);
    int other = client_open(port, "/ws");
    for (size_t i = 1; i <= 5; i++) {
        int fd = client_connect(port);
        client_write_text(fd, request(arguments[1]));
        if (strcmp(arguments[1], "half_sent") == 0)
            usleep(10000);
        else
            world_wait(world, HEARTH_EVENT_HTTP_REQUEST, i);
        client_cut(fd);
        client_send_text(other, "hello");
        client_expect_text(other, "hello");
        usleep(10000);
        client_send_text(other, "hello");
        client_expect_text(other, "hello");
    }
    client_close(other, 1000);
    world_free(world);
    return 0;
}
