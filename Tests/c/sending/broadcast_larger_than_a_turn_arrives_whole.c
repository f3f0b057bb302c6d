/* What one turn has to send may exceed what is gathered before it is written: a member that waits for room
 * still gets the bytes that were sent, while one that is too slow is closed. */
#include "driven.h"

enum { large = 9 << 20, head = 10, block = 64 << 10 };

static uint64_t waiting(hearth_connection connection) {
    hearth_connection_info info = {.size = sizeof info};
    CHECK_NUMBER(hearth_connection_get_info(connection, &info), HEARTH_OK);
    return info.outbox_bytes;
}

int main(void) {
    struct world *world = world_new("slow_consumer=close max_outbox_bytes=1MiB");
    char *sent = malloc(large), *other = malloc(large), *received = malloc(large + head);
    CHECK(sent && other && received);
    memset(sent, 'x', large);
    int port = world_drive(world);
    int slow = world_open(world, port, "/"), quick = world_open(world, port, "/");
    hearth_connection first = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    hearth_connection second = world_turn_until(world, HEARTH_EVENT_OPEN, 2)->connection;
    while (waiting(first) < 3 * block) {
        CHECK_NUMBER(hearth_connection_send(first, HEARTH_BINARY, sent, block), 1);
        CHECK_NUMBER(hearth_engine_flush(world->engine), HEARTH_OK);
    }
    CHECK_NUMBER(hearth_connection_send(second, HEARTH_TEXT, "hi", 2), 1);
    CHECK(hearth_server_broadcast(world->server, HEARTH_BINARY, sent, large, NULL) >= 1);
    memset(other, 'S', large);
    CHECK(world_read(world, quick, received, 4) && memcmp(received, "\x81\x02hi", 4) == 0);
    CHECK(world_read(world, quick, received, head + large));
    CHECK(memcmp(received, "\x82\x7f\0\0\0\0\0\x90\0\0", head) == 0);
    CHECK(memcmp(received + head, sent, large) == 0);
    close(slow);
    CHECK(world_turn_until(world, HEARTH_EVENT_CLOSE, 1)->connection == first);
    close(quick);
    world_free(world);
    free(sent);
    free(other);
    free(received);
    return 0;
}
