/* A peer that answers its pings is not taken for dead while the engine does not read, as nobody fetches its
 * events. */
#include "client.h"
#include "world.h"

enum { messages = 10 };

/* Answers pings until the host's message comes, then closes. */
static void *answer_pings(void *context) {
    int fd = *(int *)context;
    struct client_frame *frame;
    while ((frame = client_receive(fd)) && frame->opcode == CLIENT_PING)
        client_send_frame(fd, 0x8A, frame->data, frame->length);
    CHECK(frame && frame->opcode == CLIENT_TEXT);
    client_close(fd, 4000);
    return NULL;
}

int main(void) {
    struct world *world = world_new("max_event_queue=4 ping_interval=200ms ping_timeout=600ms");
    hearth_event event = {0};
    pthread_t thread;
    int received = 0;
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(world->server), "/");
    for (int i = 0; i < messages; i++)
        client_send_text(fd, "unfetched");
    CHECK(pthread_create(&thread, NULL, answer_pings, &fd) == 0);
    usleep(1500000);
    while (event.type != HEARTH_EVENT_CLOSE) {
        CHECK_NUMBER(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 20000), 1);
        received += event.type == HEARTH_EVENT_MESSAGE;
        if (event.type == HEARTH_EVENT_MESSAGE && received == messages)
            CHECK_NUMBER(hearth_connection_send(event.connection, HEARTH_TEXT, "fetched", 7), 1);
    }
    CHECK_NUMBER(event.code, 4000);
    CHECK_NUMBER(received, messages);
    pthread_join(thread, NULL);
    world_free(world);
    return 0;
}
