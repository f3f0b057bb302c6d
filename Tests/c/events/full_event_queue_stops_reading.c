/* While a host takes no events, the engine stops reading, so that the peer has to wait; nothing is lost. */
#include "client.h"
#include "world.h"
#include <poll.h>

enum { further_messages = 300, message_size = 8192, buffers_max = 64 << 20 };

static char message[message_size];

static void *send_further(void *fd) {
    for (int i = 0; i < further_messages; i++)
        client_send_frame(*(int *)fd, 0x82, message, message_size);
    return NULL;
}

int main(void) {
    struct world *world = world_new("max_event_queue=10");
    hearth_event events[64];
    int received = 0, sent = 0;
    pthread_t thread;
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(world->server), "/");
    struct pollfd writable = {fd, POLLOUT, 0};
    while (poll(&writable, 1, 500) == 1) {
        client_send_frame(fd, 0x82, message, message_size);
        CHECK(++sent < buffers_max / message_size);
    }
    CHECK(pthread_create(&thread, NULL, send_further, &fd) == 0);
    while (received < sent + further_messages) {
        int64_t count = hearth_engine_poll(world->engine, events, sizeof(hearth_event), 64, 20000);
        CHECK(count >= 1);
        for (int64_t i = 0; i < count; i++)
            received += events[i].type == HEARTH_EVENT_MESSAGE;
    }
    pthread_join(thread, NULL);
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
