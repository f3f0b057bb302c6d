/* Pages of connections, users and rooms have each once, however small they are.
 * Variants: one_thread four_threads */
#include "client.h"
#include "world.h"

enum { PEERS = 30 };

static void accept_by_path(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, event->path + 1, NULL);
}

typedef int64_t (*list_fn)(hearth_server *server, uint64_t *cursor, char *buffer, size_t capacity);

/* How often each of "/NUMBER" or "NUMBER" is named by pages of so many bytes. */
static void count_names(hearth_server *server, list_fn list, size_t capacity, int *counts) {
    uint64_t cursor = 0;
    char buffer[64];
    memset(counts, 0, PEERS * sizeof *counts);
    do {
        int64_t used = list(server, &cursor, buffer, capacity);
        CHECK(used >= 0 && (size_t)used <= capacity);
        for (char *name = buffer; name < buffer + used; name += strlen(name) + 1)
            counts[atoi(name[0] == '/' ? name + 1 : name)]++;
    } while (cursor != 0);
}

int main(int count, char **arguments) {
    int is_single = count > 1 && strcmp(arguments[1], "one_thread") == 0;
    struct world *world = world_new(is_single ? "" : "threads=4");
    int clients[PEERS], counts[PEERS];
    char path[16];
    world->on_event = accept_by_path;
    world_route(world, "/{name}", "join=auto,accept=ask");
    int port = world_start(world);
    for (int i = 0; i < PEERS; i++) {
        snprintf(path, sizeof path, "/%d", i);
        clients[i] = client_open(port, path);
    }
    world_wait(world, HEARTH_EVENT_JOINED, PEERS);
    for (size_t capacity = 4; capacity <= 64; capacity += 20) {
        count_names(world->server, hearth_server_list_rooms, capacity, counts);
        for (int i = 0; i < PEERS; i++)
            CHECK_NUMBER(counts[i], 1);
        count_names(world->server, hearth_server_list_users, capacity, counts);
        for (int i = 0; i < PEERS; i++)
            CHECK_NUMBER(counts[i], 1);
    }
    hearth_connection seen[PEERS], page[7];
    uint64_t cursor = 0;
    size_t found = 0;
    do {
        int64_t stored = hearth_server_list_connections(world->server, &cursor, page, 7);
        CHECK(stored >= 0 && found + (size_t)stored <= PEERS);
        memcpy(seen + found, page, (size_t)stored * sizeof *page);
        found += (size_t)stored;
    } while (cursor != 0);
    CHECK_NUMBER(found, PEERS);
    for (int i = 0; i < PEERS; i++)
        for (int j = 0; j < i; j++)
            CHECK(seen[i] != seen[j]);
    cursor = 0;
    CHECK_NUMBER(hearth_server_list_users(world->server, &cursor, path, 1), HEARTH_ERR_TOO_LARGE);
    cursor = UINT64_MAX;
    CHECK_NUMBER(hearth_server_list_rooms(world->server, &cursor, path, sizeof path), 0);
    CHECK_NUMBER(cursor, 0);
    CHECK_NUMBER(hearth_server_list_rooms(world->server, NULL, path, sizeof path), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_list_connections(world->server, &cursor, NULL, 7), HEARTH_ERR_INVALID);
    for (int i = 0; i < PEERS; i++)
        client_cut(clients[i]);
    world_free(world);
    return 0;
}
