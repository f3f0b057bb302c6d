/* While members of a room stop reading, go away or are closed in the middle of what is sent to them, every
 * other member gets every message once and in order, large and small ones, whichever way they are written.
 * Variants: ring calls threads */
#include "client.h"
#include "world.h"
#include <poll.h>

enum { members = 40, stalled = 8, leaving = 8, messages = 3000, large_every = 20, large_size = 96 << 10 };

static hearth_connection ids[members];

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_OPEN)
        ids[atoi(hearth_event_capture(event, "number"))] = event->connection;
}

struct reader {
    pthread_t thread;
    int fd, expected, until;
};

/* Reads until it has seen so many messages, or to the end. */
static void *read_messages(void *argument) {
    struct reader *reader = argument;
    while (reader->expected < reader->until) {
        unsigned char head[10];
        size_t length;
        if (!client_read(reader->fd, head, 2))
            break;
        length = head[1];
        if (length >= 126) {
            size_t bytes = length == 126 ? 2 : 8;
            CHECK(client_read(reader->fd, head + 2, bytes));
            length = 0;
            for (size_t index = 0; index < bytes; index++)
                length = length << 8 | head[2 + index];
        }
        char *data = malloc(length + 1);
        CHECK(data && client_read(reader->fd, data, length));
        if ((head[0] & 0x0F) == CLIENT_BINARY) {
            uint32_t number;
            memcpy(&number, data, sizeof number);
            CHECK_NUMBER(number, reader->expected);
            CHECK_NUMBER(length, number % large_every == 0 ? large_size : 100);
            for (size_t index = sizeof number; index < length; index++)
                CHECK(data[index] == (char)(number + index));
            reader->expected++;
        }
        free(data);
    }
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    int is_ring = strcmp(arguments[1], "ring") == 0, is_threads = strcmp(arguments[1], "threads") == 0;
    char settings[200];
    snprintf(settings, sizeof settings, "io_uring=%s threads=%d max_outbox_bytes=512MiB close_timeout=200ms",
             is_ring || is_threads ? "auto" : "off", is_threads ? 2 : 1);
    struct world *world = world_new(settings);
    world->on_event = on_event;
    world_route(world, "/member/{number}", "join=all");
    int port = world_start(world);
    struct reader readers[members] = {0};
    char *data = malloc(large_size);
    CHECK(data);
    for (int index = 0; index < members; index++) {
        char path[40];
        snprintf(path, sizeof path, "/member/%d", index);
        readers[index].fd = client_open(port, path);
    }
    world_wait(world, HEARTH_EVENT_JOINED, members);
    for (int index = 0; index < members; index++) {
        /* The first ones read nothing for now, the next ones leave in the middle. */
        readers[index].until = index >= stalled && index < stalled + leaving ? 100 + index : messages;
        if (index >= stalled)
            CHECK(pthread_create(&readers[index].thread, NULL, read_messages, &readers[index]) == 0);
    }
    for (uint32_t number = 0; number < messages; number++) {
        size_t length = number % large_every == 0 ? large_size : 100;
        memcpy(data, &number, sizeof number);
        for (size_t index = sizeof number; index < length; index++)
            data[index] = (char)(number + index);
        CHECK(hearth_room_broadcast(world->server, "all", HEARTH_BINARY, data, length, NULL) >= 0);
        for (int index = stalled; number == 1000 && index < stalled + leaving; index++) {
            pthread_join(readers[index].thread, NULL);
            /* Half of them are closed by us, the others vanish with unread bytes: a reset. */
            if (index % 2)
                CHECK_NUMBER(hearth_connection_close(ids[index], 1000, "enough"), HEARTH_OK);
            else
                close(readers[index].fd);
        }
    }
    for (int index = 0; index < stalled; index++)
        CHECK(pthread_create(&readers[index].thread, NULL, read_messages, &readers[index]) == 0);
    for (int index = 0; index < members; index++) {
        if (index >= stalled && index < stalled + leaving)
            continue;
        pthread_join(readers[index].thread, NULL);
        CHECK_NUMBER(readers[index].expected, messages);
        close(readers[index].fd);
    }
    world_wait(world, HEARTH_EVENT_CLOSE, members);
    free(data);
    world_free(world);
    return 0;
}
