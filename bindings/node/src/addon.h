/* What the files of the addon share. One of these for each environment: the main thread, or a worker. */
#ifndef HEARTH_NODE_ADDON_H
#define HEARTH_NODE_ADDON_H

#define NAPI_VERSION 8
#include <hearth.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { SERVERS_MAX = 1024, INBOX_BYTES = 1 << 18, INBOX_BYTES_MAX = 8 << 20, OUTBOX_BYTES = 1 << 18 };

/* Events on their way to JavaScript: records of 32-bit words (events.c), in memory of an ArrayBuffer. */
struct inbox {
    napi_ref buffer;
    uint8_t *base;
    size_t used, capacity;
};

struct owner;

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
    hearth_server *servers[SERVERS_MAX];
    uint32_t servers_count;
    hearth_client **clients;
    uint32_t clients_count, clients_capacity;
    struct owner *owners;
};

/* events.c */
bool inbox_open(struct addon *addon, struct inbox *inbox, size_t capacity);
void addon_on_event(void *owner, const hearth_event *event);
void addon_dispatch(struct addon *addon);
void addon_send_outbox(struct addon *addon);

/* calls.c */
void addon_define_calls(napi_env env, napi_value exports);

/* calls of clients: clients.c */
void addon_define_client_calls(napi_env env, napi_value exports);

/* Whose events are told, and to which addon. They live as long as the addon does. */
#define OWNER_IS_CLIENT 0x80000000u
struct owner {
    struct addon *addon;
    uint32_t number;
    struct owner *next;
};

#endif
