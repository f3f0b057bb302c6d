/* A server that drains says farewell to all, takes nobody new, closes with a hint when to come back, a time
 * of its own for each, and says when it is done.
 * Variants: one_thread four_threads */
#include "client.h"
#include "world.h"
#include <poll.h>

enum { PEERS = 12 };

static int wait_for_close(int fd, int *retry) {
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE && frame->length > 2);
    CHECK(sscanf((char *)frame->data + 2, "retry=%d;why=new version", retry) == 1);
    return frame->data[0] << 8 | frame->data[1];
}

static int is_readable(int fd) {
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, 0) == 1;
}

int main(int count, char **arguments) {
    int is_single = count > 1 && strcmp(arguments[1], "one_thread") == 0;
    char settings[160], head[8192];
    snprintf(settings, sizeof settings,
             "threads=%d shutdown_spread=600ms shutdown_timeout=20s drain_retry=2s drain_close_code=1012",
             is_single ? 1 : 4);
    struct world *world = world_new(settings);
    hearth_drain drain = {.size = sizeof drain, .opcode = HEARTH_TEXT, .data = "bye", .length = 3};
    int clients[PEERS], retries[PEERS], is_told[PEERS] = {0};
    int port = world_start(world);
    drain.why = "new version";
    for (int i = 0; i < PEERS; i++)
        clients[i] = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, PEERS);
    CHECK_NUMBER(hearth_server_drain(world->server, &drain), HEARTH_OK);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_ERR_STATE);
    for (int i = 0; i < PEERS; i++)
        client_expect_text(clients[i], "bye");
    /* All have the farewell, and the spread has only begun. */
    int late = 0;
    for (int i = 0; i < PEERS; i++)
        late += !is_readable(clients[i]);
    CHECK(late > 0);
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/", "", head, sizeof head), 503);
    CHECK(strstr(head, "Retry-After: 2\r\n"));
    close(fd);
    for (int told = 0; told < PEERS; usleep(1000))
        for (int i = 0; i < PEERS; i++)
            if (!is_told[i] && is_readable(clients[i])) {
                CHECK_NUMBER(wait_for_close(clients[i], &retries[i]), 1012);
                CHECK(retries[i] >= 2000 && retries[i] <= 4000);
                client_send_close(clients[i], 1012);
                client_expect_end(clients[i]);
                is_told[i] = 1;
                told++;
            }
    int differing = 0;
    for (int i = 1; i < PEERS; i++)
        differing += retries[i] != retries[0];
    CHECK(differing > 0);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 0);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), PEERS);
    world_free(world);
    return 0;
}
