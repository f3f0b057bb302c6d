/* Pings and unasked pongs beyond rate_limit_control get no answer, the host is told, and the peer is closed
 * after max_rate_limit_drops of them. Messages are not affected, nor is a peer that stays within the rate.
 * Variants: pings pongs standard off */
#include "client.h"
#include "world.h"

static const char *variant;

static int is(const char *name) {
    return strcmp(variant, name) == 0;
}

/* Reads until the answer to a message of its own; how many pongs came before. */
static int count_pongs(int fd) {
    int pongs = 0;
    client_send_text(fd, "done");
    for (struct client_frame *frame; (frame = client_receive(fd)) && frame->opcode != CLIENT_TEXT;)
        pongs += frame->opcode == CLIENT_PONG;
    return pongs;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    struct world *world = world_new(is("standard") ? "max_rate_limit_drops=0"
                                    : is("off")    ? "rate_limit_control=off"
                                                   : "rate_limit_control=3/h max_rate_limit_drops=4");
    world->on_event = echo;
    int port = world_start(world), fd = client_open(port, "/"), other = client_open(port, "/");
    if (is("standard") || is("off")) {
        for (int i = 0; i < 5000; i++)
            client_send_frame(fd, 0x89, "p", 1);
        int pongs = count_pongs(fd);
        /* 200 at once, and 50 in each second that the test takes. */
        CHECK(is("off") ? pongs == 5000 : pongs >= 201 && pongs < 2500);
        CHECK((world_count(world, HEARTH_EVENT_LIMITED) > 0) == is("standard"));
        client_close(fd, 1000);
    } else {
        /* Three are within the rate, the fourth is the warning, four are dropped, and the last ends it. */
        for (int i = 0; i < 7; i++)
            client_send_frame(fd, is("pings") ? 0x89 : 0x8A, "p", 1);
        CHECK_NUMBER(count_pongs(fd), is("pings") ? 4 : 0);
        client_send_frame(fd, is("pings") ? 0x89 : 0x8A, "p", 1);
        client_expect_close(fd, 4105);
        client_send_close(fd, 4105);
        client_expect_end(fd);
        CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 4105);
        CHECK_TEXT(world_wait(world, HEARTH_EVENT_LIMITED, 1)->data, "rate_limit_control");
    }
    client_send_frame(other, 0x89, "p", 1);
    CHECK_NUMBER(count_pongs(other), 1);
    world_free(world);
    return 0;
}
