/* A snapshot of a room says which of the changes are in it: with those that follow, it names the users that
 * all changes name, also on several threads and while people come and go.
 * Variants: one_thread four_threads */
#include "client.h"
#include "world.h"

enum { PEERS = 40, ROUNDS = 6, USERS = 12 };

static void accept_by_query(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, event->query + sizeof "user=" - 1, NULL);
}

struct seen {
    uint64_t version;
    int is_there[USERS];
    int connections[USERS];
};

static void take_snapshot(struct world *world, struct seen *seen) {
    static uint64_t buffer[8192];
    int64_t length = hearth_room_presence(world->server, "hall", &seen->version, buffer, sizeof buffer);
    CHECK(length >= 0 && (size_t)length <= sizeof buffer);
    memset(seen->is_there, 0, sizeof seen->is_there);
    for (char *at = (char *)buffer; at < (char *)buffer + length;) {
        hearth_presence *entry = (hearth_presence *)at;
        const char *user = at + entry->head_size + entry->connection_count * sizeof(hearth_connection);
        CHECK(entry->size % 8 == 0 && user[0] == 'u' && strlen(user) == entry->user_length);
        CHECK(entry->joined_at_ms > 1600000000000);
        int number = atoi(user + 1);
        CHECK(!seen->is_there[number]);
        seen->is_there[number] = 1;
        seen->connections[number] = (int)entry->connection_count;
        at += entry->size;
    }
}

/* Changes above the version of the snapshot, by version and not as they came. */
static void add_changes(struct world *world, struct seen *seen) {
    for (int found = 1; found;) {
        found = 0;
        pthread_mutex_lock(&world->lock);
        for (size_t i = 0; i < world->count && !found; i++) {
            struct record *record = &world->records[i];
            uint32_t type = record->type;
            if (type != HEARTH_EVENT_USER_JOINED && type != HEARTH_EVENT_USER_LEFT)
                continue;
            if (record->version != seen->version + 1)
                continue;
            int number = atoi(record->user + 1);
            CHECK_NUMBER(seen->is_there[number], type == HEARTH_EVENT_USER_LEFT);
            seen->is_there[number] = !seen->is_there[number];
            seen->version = record->version;
            found = 1;
        }
        pthread_mutex_unlock(&world->lock);
    }
}

int main(int count, char **arguments) {
    int is_single = count > 1 && strcmp(arguments[1], "one_thread") == 0;
    struct world *world = world_new(is_single ? "threads=1" : "threads=4");
    static struct seen taken[ROUNDS];
    int clients[PEERS];
    char path[32];
    world->on_event = accept_by_query;
    world_route(world, "/", "join=hall,accept=ask");
    int port = world_start(world);
    for (int i = 0; i < PEERS; i++) {
        snprintf(path, sizeof path, "/?user=u%d", i % USERS);
        clients[i] = client_open(port, path);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = round; i < PEERS; i += 3) {
            client_cut(clients[i]);
            snprintf(path, sizeof path, "/?user=u%d", (i * 7 + round) % USERS);
            clients[i] = client_open(port, path);
            if (i == PEERS / 2 + round)
                take_snapshot(world, &taken[round]);
        }
        take_snapshot(world, &taken[round]);
    }
    for (int i = 0; i < PEERS; i += 2)
        client_cut(clients[i]);
    /* All that came have joined, and all that were cut have gone. */
    size_t opened = world_count(world, HEARTH_EVENT_OPEN);
    world_wait(world, HEARTH_EVENT_CLOSE, opened - PEERS / 2);
    struct seen last;
    take_snapshot(world, &last);
    CHECK_NUMBER(hearth_server_connection_count(world->server), PEERS / 2);
    for (int round = 0; round < ROUNDS; round++) {
        add_changes(world, &taken[round]);
        CHECK_NUMBER(taken[round].version, last.version);
        CHECK(memcmp(taken[round].is_there, last.is_there, sizeof last.is_there) == 0);
    }
    int connections = 0;
    for (int user = 0; user < USERS; user++)
        connections += last.is_there[user] ? last.connections[user] : 0;
    CHECK_NUMBER(connections, PEERS / 2);
    for (int i = 1; i < PEERS; i += 2)
        client_cut(clients[i]);
    world_free(world);
    return 0;
}
