/* Once it is warm, receiving events of the json dialect makes no allocation: counted, in the whole process,
 * between the first hundred events and the next ten thousand. */
#include "allocations.h"
#include "client.h"
#include "world.h"

static const char event_text[] = "{\"type\":\"chat\",\"data\":[\"hello\"]}";

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    CHECK_TEXT(event->event_name, "chat");
    hearth_connection_send(event->connection, HEARTH_TEXT, event->data, event->data_length);
}

static void *run(void *engine) {
    hearth_engine_run(engine);
    return NULL;
}

static void exchange(int fd, int count) {
    unsigned char frame[6 + sizeof event_text - 1] = {0x81, 0x80 | (sizeof event_text - 1)};
    char answer[11];
    memcpy(frame + 6, event_text, sizeof event_text - 1);
    for (int i = 0; i < count; i++) {
        client_write(fd, frame, sizeof frame);
        CHECK(client_read(fd, answer, sizeof answer));
    }
    CHECK(memcmp(answer, "\x81\x09[\"hello\"]", 11) == 0);
}

int main(void) {
    struct world *world = world_new("");
    pthread_t thread;
    world_route(world, "/", "dialect=json");
    CHECK_NUMBER(hearth_server_on_event(world->server, on_event, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK(pthread_create(&thread, NULL, run, world->engine) == 0);
    int fd = client_open(hearth_server_port(world->server), "/");
    exchange(fd, 100);
    long before = count_allocations();
    CHECK(before > 0);
    exchange(fd, 10000);
    CHECK_NUMBER(count_allocations() - before, 0);
    close(fd);
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    pthread_join(thread, NULL);
    world_free(world);
    return 0;
}
