/* Connections and requests as JavaScript has them. */
#include "addon.h"
#include "call.h"

/* connectionClose(addon, connection, code, reason) */
static napi_value connection_close(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    uint32_t code = number(&call, 2);
    char *reason = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_connection_close(id, (int)code, reason);
    free(reason);
    return answer(&call, result);
}

/* connectionAccept(addon, low, high, user, subprotocol) */
static napi_value connection_accept(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    char *user = text(&call, 3), *subprotocol = text(&call, 4);
    int64_t result = call.is_wrong ? 0 : hearth_connection_accept(id, user, subprotocol);
    free(user);
    free(subprotocol);
    return answer(&call, result);
}

/* connectionReject(addon, low, high, code, reason) */
static napi_value connection_reject(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = asker(&call, 1);
    uint32_t code = number(&call, 3);
    char *reason = text(&call, 4);
    int64_t result = call.is_wrong ? 0 : hearth_connection_reject(id, (int)code, reason);
    free(reason);
    return answer(&call, result);
}

/* Calls that take a connection and a name. */
static napi_value with_name(napi_env env, napi_callback_info info,
                            int (*function)(hearth_connection, const char *)) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    char *name = text(&call, 2);
    int64_t result = call.is_wrong ? 0 : function(id, name);
    free(name);
    return answer(&call, result);
}

static napi_value connection_join(napi_env env, napi_callback_info info) {
    return with_name(env, info, hearth_connection_join);
}
static napi_value connection_leave(napi_env env, napi_callback_info info) {
    return with_name(env, info, hearth_connection_leave);
}
static napi_value connection_set_user(napi_env env, napi_callback_info info) {
    return with_name(env, info, hearth_connection_set_user);
}

static napi_value connection_rooms(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    RETURN_COPY(call, as_text, hearth_connection_rooms(id, place, capacity));
}

static napi_value connection_user(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    RETURN_COPY(call, as_text, hearth_connection_user(id, place, capacity));
}

/* name NUL value NUL …, "" without TLS */
static napi_value connection_tls(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    RETURN_COPY(call, as_text, hearth_connection_tls(id, place, capacity));
}

static napi_value connection_metadata(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    RETURN_COPY(call, as_bytes, hearth_connection_metadata(id, place, capacity));
}

/* connectionSetMetadata(addon, connection, bytes) */
static napi_value connection_set_metadata(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    size_t length;
    hearth_connection id = connection(&call, 1);
    const void *data = bytes(&call, 2, &length);
    return answer(&call, call.is_wrong ? 0 : hearth_connection_set_metadata(id, data, length));
}

/* connectionInfo(addon, connection): a Float64Array's worth of numbers, as a list, or an error. */
static napi_value connection_info(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection_info known = {.size = sizeof known};
    int status = hearth_connection_get_info(connection(&call, 1), &known);
    if (call.is_wrong || status != HEARTH_OK)
        return answer(&call, status);
    int64_t numbers[] = {(int64_t)known.opened_at_ms,
                         (int64_t)known.last_received_at_ms,
                         known.latency_us,
                         (int64_t)known.messages_received,
                         (int64_t)known.messages_sent,
                         (int64_t)known.outbox_bytes,
                         known.rooms,
                         known.is_open};
    return list_of(env, numbers, 8);
}

/* respond(addon, low, high, status, headers, bytes) */
static napi_value http_respond(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    size_t length;
    hearth_connection id = asker(&call, 1);
    uint32_t status = number(&call, 3);
    char *headers = text(&call, 4);
    const void *data = bytes(&call, 5, &length);
    int64_t result = call.is_wrong ? 0 : hearth_http_respond(id, (int)status, headers, data, length);
    free(headers);
    return answer(&call, result);
}

void addon_define_connections(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"connectionClose", connection_close},
        {"connectionAccept", connection_accept},
        {"connectionReject", connection_reject},
        {"connectionJoin", connection_join},
        {"connectionLeave", connection_leave},
        {"connectionSetUser", connection_set_user},
        {"connectionRooms", connection_rooms},
        {"connectionInfo", connection_info},
        {"connectionUser", connection_user},
        {"connectionTLS", connection_tls},
        {"connectionMetadata", connection_metadata},
        {"connectionSetMetadata", connection_set_metadata},
        {"respond", http_respond},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
