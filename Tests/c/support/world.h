/* One engine with one server on a free port, and a record of every event, for tests. */
#ifndef WORLD_H
#define WORLD_H

#include "check.h"
#include <hearth.h>
#include <pthread.h>
#include <time.h>

struct record {
    uint32_t type;
    hearth_connection connection;
    void *connection_context;
    uint32_t opcode;
    uint32_t flags;
    int32_t code;
    int32_t route;
    uint64_t version;
    size_t data_length;
    char data[512];
    char room[300];
    char user[300];
    char path[300];
    char address[64];
};

struct world {
    hearth_config *config;
    hearth_engine *engine;
    hearth_server *server;
    /* Called on the loop's thread before the event is recorded. */
    void (*on_event)(struct world *world, const hearth_event *event);
    void *extra;
    pthread_mutex_t lock;
    pthread_cond_t recorded;
    size_t count;
    struct record records[4096];
};

static inline void copy_text(char *target, size_t capacity, const char *source) {
    snprintf(target, capacity, "%s", source ? source : "");
}

static inline void world_record(void *context, const hearth_event *event) {
    struct world *world = context;
    if (world->on_event)
        world->on_event(world, event);
    pthread_mutex_lock(&world->lock);
    CHECK(world->count < sizeof world->records / sizeof world->records[0]);
    struct record *record = &world->records[world->count++];
    record->type = event->type;
    record->connection = event->connection;
    record->connection_context = event->connection_context;
    record->opcode = event->opcode;
    record->flags = event->flags;
    record->code = event->code;
    record->route = event->route;
    record->version = event->presence_version;
    record->data_length = event->data_length;
    size_t kept = event->data_length < sizeof record->data ? event->data_length : sizeof record->data - 1;
    if (kept > 0)
        memcpy(record->data, event->data, kept);
    record->data[kept] = '\0';
    copy_text(record->room, sizeof record->room, event->room);
    copy_text(record->user, sizeof record->user, event->user);
    copy_text(record->path, sizeof record->path, event->path);
    copy_text(record->address, sizeof record->address, event->address);
    pthread_cond_broadcast(&world->recorded);
    pthread_mutex_unlock(&world->lock);
}

/* An engine and a server that listens on 127.0.0.1 at a free port, with further settings "key=value
 * key=value". */
static inline struct world *world_new(const char *settings) {
    struct world *world = calloc(1, sizeof *world);
    char *copy = strdup(settings), *rest = copy, *setting;
    CHECK(world && copy);
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->recorded, NULL);
    world->config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(world->config, "listen", "127.0.0.1:0"), HEARTH_OK);
#ifdef CLIENT_TLS
    CHECK_NUMBER(hearth_config_set(world->config, "tls_certificate", TLS_FOLDER "/both.pem"), HEARTH_OK);
#endif
    while ((setting = strsep(&rest, " "))) {
        char *value = strchr(setting, '=');
        if (!value)
            continue;
        *value = '\0';
        CHECK_NUMBER(hearth_config_set(world->config, setting, value + 1), HEARTH_OK);
    }
    free(copy);
    world->engine = hearth_engine_new(world->config);
    CHECK(world->engine);
    world->server = hearth_server_new(world->engine, world->config);
    CHECK(world->server);
    return world;
}

static inline void world_route(struct world *world, const char *pattern, const char *options) {
    char sentence[512] = "";
    int number = hearth_server_route(world->server, pattern, options);
    hearth_engine_error(world->engine, sentence, sizeof sentence);
    if (number < 0)
        fprintf(stderr, "%s\n", sentence);
    CHECK(number >= 0);
}

static inline int world_listen(struct world *world) {
    hearth_server_on_event(world->server, world_record, world);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    return hearth_server_port(world->server);
}

/* Listens, runs the engine on its own threads and answers the port. */
static inline int world_start(struct world *world) {
    int port = world_listen(world);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    return port;
}

/* How many events of a type came until now. */
static inline size_t world_count(struct world *world, uint32_t type) {
    size_t count = 0;
    pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->count; i++)
        count += world->records[i].type == type;
    pthread_mutex_unlock(&world->lock);
    return count;
}

/* Waits for the nth event of a type, from 1; none within 20 seconds fails the test. */
static inline struct record *world_wait(struct world *world, uint32_t type, size_t nth) {
    struct timespec limit;
    struct record *found = NULL;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    pthread_mutex_lock(&world->lock);
    for (int status = 0; !found && status == 0;) {
        size_t count = 0;
        for (size_t i = 0; i < world->count && !found; i++)
            if (world->records[i].type == type && ++count == nth)
                found = &world->records[i];
        if (!found)
            status = pthread_cond_timedwait(&world->recorded, &world->lock, &limit);
    }
    pthread_mutex_unlock(&world->lock);
    if (!found)
        fprintf(stderr, "event %zu of type %u did not come\n", nth, type);
    CHECK(found);
    return found;
}

static inline void world_free(struct world *world) {
    CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_OK);
    hearth_config_free(world->config);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->recorded);
    free(world);
}

/* Sends each message back: an on_event for echo tests. */
static inline void echo(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_MESSAGE)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
}

#endif
