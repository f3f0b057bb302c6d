/* What the files of the addon share. One of these for each environment: the main thread, or a worker. */
#ifndef HEARTH_NODE_ADDON_H
#define HEARTH_NODE_ADDON_H

#define NAPI_VERSION 8
#include <hearth.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { INBOX_BYTES = 1 << 18, INBOX_BYTES_MAX = 8 << 20, OUTBOX_BYTES = 1 << 18 };

/* Events on their way to JavaScript: records of 32-bit words (events.c), in memory of an ArrayBuffer. */
struct inbox {
    napi_ref buffer;
    uint8_t *base;
    size_t used, capacity;
    /* Bytes of payloads that are not in it. */
    size_t large;
};

/* A server or a client under the number by which JavaScript knows it. It stays until nothing is on its way
 * that names it: see addon_retire. */
struct owner {
    struct addon *addon;
    void *object;
    uint32_t number;
    uint64_t turn;
    struct owner *next;
};

struct table {
    struct owner **owners;
    uint32_t count, capacity;
};

/* In the number of a client. */
#define OWNER_IS_CLIENT 0x80000000u
/* In the place of a server's number: an entry of the log. */
#define OWNER_IS_LOG 0xFFFFFFFFu

struct addon {
    napi_env env;
    hearth_engine *engine;
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_check_t check;
    /* While events wait the loop does not block. */
    uv_idle_t pending;
    uv_idle_t farewell;
    int turns_left;
    uint64_t turn;
    napi_async_cleanup_hook_handle cleanup;
    napi_async_context context;
    napi_ref resource, dispatch;
    /* One is filled while JavaScript reads the other. */
    struct inbox inboxes[2];
    int filling;
    bool is_dispatching;
    /* Messages that JavaScript sends: the first word of the outbox says how many bytes of it are used. */
    napi_ref outbox_buffer;
    uint8_t *outbox;
    /* Connections by the index under which JavaScript knows them; index 0 is none. */
    hearth_connection *connections;
    uint32_t connections_count, connections_capacity;
    uint32_t *free_indices;
    uint32_t free_count, free_capacity;
    /* Indices whose CLOSE is on its way: free when JavaScript has read it. */
    uint32_t *closing;
    uint32_t closing_count, closing_capacity;
    struct table servers, clients;
    struct owner *retired;
};

/* owners.c */
struct call;
struct owner *addon_make(struct call *call, bool is_client);
void addon_retire(struct addon *addon, struct owner *owner);
void addon_free_retired(struct addon *addon);
void addon_free_owners(struct addon *addon);

/* events.c */
bool inbox_open(struct addon *addon, struct inbox *inbox, size_t capacity);
void addon_on_event(void *owner, const hearth_event *event);
void addon_on_log(void *addon, const hearth_log_entry *entry);
void addon_dispatch(struct addon *addon);

/* outbox.c */
int64_t addon_send(struct addon *addon, const uint32_t *words, const char *name, const uint8_t *payload);
void addon_send_outbox(struct addon *addon);

/* What JavaScript calls: servers.c, connections.c, principals.c, rooms.c, channels.c,
 * clients.c */
void addon_define_servers(napi_env env, napi_value exports);
void addon_define_connections(napi_env env, napi_value exports);
void addon_define_principals(napi_env env, napi_value exports);
void addon_define_rooms(napi_env env, napi_value exports);
void addon_define_channels(napi_env env, napi_value exports);
void addon_define_clients(napi_env env, napi_value exports);

#endif
