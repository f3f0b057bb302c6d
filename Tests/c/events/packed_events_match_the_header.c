/* Packed events are the records that the header describes. */
#include "client.h"
#include "world.h"

static uint32_t number_at(const uint8_t *at) {
    uint32_t number;
    memcpy(&number, at, 4);
    return number;
}

static void expect_part(const uint8_t **at, uint32_t length, const char *text) {
    CHECK_NUMBER(length, strlen(text));
    CHECK(memcmp(*at, text, length) == 0);
    *at += length;
}

struct packed {
    const uint8_t *record;
    uint32_t data, room, user, path, info;
    const uint8_t *strings;
};

/* The next record, taken one at a time from as many blocks as it needs. */
static struct packed next(struct world *world, uint16_t type) {
    static const uint8_t *block;
    static size_t rest;
    struct packed packed;
    uint16_t found;
    while (rest == 0) {
        int64_t count = hearth_engine_poll_packed(world->engine, &block, &rest, 20000);
        CHECK(count >= 1);
    }
    CHECK(rest >= 64);
    packed.record = block;
    uint32_t size = number_at(block);
    memcpy(&found, block + 4, 2);
    CHECK_NUMBER(found, type);
    CHECK_NUMBER(number_at(block + 16), hearth_server_number(world->server));
    packed.data = number_at(block + 32);
    packed.room = number_at(block + 36);
    packed.user = number_at(block + 40);
    packed.path = number_at(block + 44);
    packed.info = number_at(block + 48);
    packed.strings = block + 64;
    size_t needed = 64 + (size_t)packed.data + packed.room + packed.user + packed.path + packed.info;
    CHECK_NUMBER(size, (needed + 7) / 8 * 8);
    CHECK(size <= rest);
    block += size;
    rest -= size;
    return packed;
}

int main(void) {
    struct world *world = world_new("");
    world_route(world, "/room/{room}", "join=auto");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(world->server), "/room/gr%C3%BCn?q=1");
    struct packed open = next(world, HEARTH_EVENT_OPEN);
    const uint8_t *at = open.strings;
    uint64_t connection, later;
    memcpy(&connection, open.record + 8, 8);
    CHECK_NUMBER((int32_t)number_at(open.record + 28), 0);
    at += open.data + open.room + open.user;
    expect_part(&at, open.path, "/room/gr%C3%BCn");
    uint32_t method = number_at(at), query = number_at(at + 4), address = number_at(at + 8);
    uint32_t headers = number_at(at + 12), captures = number_at(at + 16);
    CHECK_NUMBER(open.info, 20 + method + query + address + headers + captures);
    at += 20;
    expect_part(&at, method, "GET");
    expect_part(&at, query, "q=1");
    CHECK(address > 10 && memcmp(at, "127.0.0.1:", 10) == 0);
    at += address;
    CHECK(headers > 5 && memcmp(at, "host\0", 5) == 0);
    at += headers;
    CHECK(captures == 11 && memcmp(at, "room\0gr\xC3\xBCn", 11) == 0);

    struct packed joined = next(world, HEARTH_EVENT_JOINED);
    at = joined.strings + joined.data;
    expect_part(&at, joined.room, "gr\xC3\xBCn");
    client_send_frame(fd, 0x82, "\0\1\2", 3);
    struct packed message = next(world, HEARTH_EVENT_MESSAGE);
    memcpy(&later, message.record + 8, 8);
    CHECK(later == connection);
    CHECK_NUMBER(number_at(message.record + 24), HEARTH_BINARY);
    CHECK(message.data == 3 && memcmp(message.strings, "\0\1\2", 3) == 0);
    client_close(fd, 4000);
    next(world, HEARTH_EVENT_LEFT);
    struct packed close = next(world, HEARTH_EVENT_CLOSE);
    CHECK_NUMBER((int32_t)number_at(close.record + 20), 4000);
    world_free(world);
    return 0;
}
