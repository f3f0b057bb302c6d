/* A compressed message that is large when inflated is relayed, compressed anew for members with different
 * windows, and then given to the host whole: what works on it on the way does not take it away. */
#include "client.h"
#include "world.h"
#include <zlib.h>

enum { SIZE = 900000 };

static unsigned char text[SIZE];
static int seen;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    CHECK_NUMBER(hearth_connection_send(event->connection, event->opcode, event->data, event->data_length),
                 1);
    CHECK_NUMBER(event->data_length, SIZE);
    CHECK(memcmp(event->data, text, SIZE) == 0);
    __atomic_store_n(&seen, 1, __ATOMIC_RELEASE);
}

static int open_compressed(int port, const char *offer) {
    char fields[200], head[8192];
    int fd = client_connect(port);
    snprintf(fields, sizeof fields, "Sec-WebSocket-Extensions: permessage-deflate; %s\r\n", offer);
    CHECK_NUMBER(client_upgrade(fd, "/", fields, head, sizeof head), 101);
    CHECK(strcasestr(head, "permessage-deflate"));
    return fd;
}

static void send_compressed(int fd) {
    static unsigned char compressed[SIZE];
    z_stream stream = {0};
    CHECK_NUMBER(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = text;
    stream.avail_in = SIZE;
    stream.next_out = compressed;
    stream.avail_out = sizeof compressed;
    CHECK_NUMBER(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    CHECK(stream.avail_in == 0);
    client_send_frame(fd, 0xC1, compressed, stream.total_out - 4);
    deflateEnd(&stream);
}

int main(void) {
    for (size_t i = 0; i < SIZE; i++)
        text[i] = (unsigned char)('a' + i * i / 1000 % 26);
    struct world *world = world_new("compression=on ping_interval=0");
    world->on_event = on_event;
    world_route(world, "/", "join=hall,relay=all,event=on");
    int port = world_start(world);
    int sender = open_compressed(port, "client_max_window_bits");
    int small = open_compressed(port, "server_max_window_bits=9");
    int medium = open_compressed(port, "server_max_window_bits=11");
    world_wait(world, HEARTH_EVENT_JOINED, 3);
    send_compressed(sender);
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    CHECK(__atomic_load_n(&seen, __ATOMIC_ACQUIRE));
    close(sender);
    close(small);
    close(medium);
    world_free(world);
    return 0;
}
