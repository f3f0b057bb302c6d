/* Servers, errors and the configuration as JavaScript has them: the addon first, then numbers, strings and
 * buffers. The functions answer what the header's answer, a number that is negative for an error; names and
 * checks are JavaScript's. */
#include "addon.h"
#include "call.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* -------------------------------------------------------------- configuration and errors */

/* The sentence on the last error of the engine. */
static napi_value engine_error(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    char sentence[SENTENCE_BYTES] = "";
    napi_value value;
    if (!call.is_wrong)
        hearth_engine_error(call.addon->engine, sentence, sizeof sentence);
    napi_create_string_utf8(env, sentence, NAPI_AUTO_LENGTH, &value);
    return value;
}

static napi_value describe(napi_env env, napi_callback_info info) {
    napi_value value;
    (void)info;
    napi_create_string_utf8(env, hearth_config_describe(), NAPI_AUTO_LENGTH, &value);
    return value;
}

/* errorName(number), errorSentence(number) */
static napi_value error_text(napi_env env, napi_callback_info info, bool is_name) {
    size_t count = 1;
    napi_value argument, value;
    int32_t error = 0;
    napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
    napi_get_value_int32(env, argument, &error);
    napi_create_string_utf8(env, is_name ? hearth_error_name(error) : hearth_strerror(error),
                            NAPI_AUTO_LENGTH, &value);
    return value;
}

static napi_value error_name(napi_env env, napi_callback_info info) {
    return error_text(env, info, true);
}
static napi_value error_sentence(napi_env env, napi_callback_info info) {
    return error_text(env, info, false);
}

/* -------------------------------------------------------------- servers */

/* serverNew(addon, settings): the server's number. Throws. */
static napi_value server_new(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    struct owner *owner = addon_make(&call, false);
    if (!owner)
        return NULL;
    hearth_server_on_event(owner->object, addon_on_event, owner);
    return answer(&call, owner->number);
}

/* serverFree(addon, server) */
static napi_value server_free(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    if (!object)
        return answer(&call, HEARTH_ERR_INVALID);
    struct owner *owner = call.addon->servers.owners[number(&call, 1)];
    int result = hearth_server_free(object);
    addon_retire(call.addon, owner);
    return answer(&call, result);
}

/* serverRoute(addon, server, pattern, options): the route's number. */
static napi_value server_route(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    char *pattern = text(&call, 2), *options = text(&call, 3);
    int64_t result = hearth_server_route(server(&call, 1), pattern, options);
    free(pattern);
    free(options);
    return answer(&call, result);
}

static napi_value server_start(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_server_start(server(&call, 1)));
}

/* serverStop(addon, server, reason) */
static napi_value server_stop(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    char *reason = text(&call, 2);
    int64_t result = call.is_wrong ? 0 : hearth_server_stop(server(&call, 1), reason);
    free(reason);
    return answer(&call, result);
}

static napi_value server_port(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_server_port(server(&call, 1)));
}

/* serverAddress(addon, server, index): a string, or an error. */
static napi_value server_address(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    uint32_t index = number(&call, 2);
    RETURN_COPY(call, as_text, hearth_server_address(object, index, place, capacity));
}

/* serverAdopt(addon, server, descriptor, bytes) */
static napi_value server_adopt(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    size_t length;
    hearth_server *object = server(&call, 1);
    int descriptor = (int)number(&call, 2);
    const void *data = bytes(&call, 3, &length);
    if (call.is_wrong)
        return answer(&call, HEARTH_ERR_INVALID);
    /* Node closes its own descriptor with its own handle. */
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return answer(&call, HEARTH_ERR_SYSTEM);
    int result = hearth_server_adopt(object, copy, data, length);
    if (result != HEARTH_OK)
        close(copy);
    return answer(&call, result);
}

/* socketPair(): two descriptors of sockets that are connected with each other, or an error. */
static napi_value socket_pair(napi_env env, napi_callback_info info) {
    int pair[2];
    struct call call = {.env = env};
    (void)info;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return answer(&call, HEARTH_ERR_SYSTEM);
    return list_of(env, (int64_t[]){pair[0], pair[1]}, 2);
}

/* closeDescriptor(descriptor) */
static napi_value close_descriptor(napi_env env, napi_callback_info info) {
    size_t count = 1;
    napi_value argument;
    int32_t descriptor = -1;
    struct call call = {.env = env};
    if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) == napi_ok && count == 1)
        napi_get_value_int32(env, argument, &descriptor);
    return answer(&call, descriptor >= 0 && close(descriptor) == 0 ? HEARTH_OK : HEARTH_ERR_SYSTEM);
}

/* serverDrain(addon, server, opcode, bytes or null, why or null) */
static napi_value server_drain(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_drain drain = {.size = sizeof drain};
    napi_valuetype type = napi_null;
    hearth_server *object = server(&call, 1);
    drain.opcode = number(&call, 2);
    if (call.count > 3 && napi_typeof(env, call.arguments[3], &type) == napi_ok && type != napi_null)
        drain.data = bytes(&call, 3, &drain.length);
    char *why = text(&call, 4);
    drain.why = why;
    int64_t result = call.is_wrong ? 0 : hearth_server_drain(object, &drain);
    free(why);
    return answer(&call, result);
}

static napi_value server_reload_tls(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_server_reload_tls(server(&call, 1)));
}

/* -------------------------------------------------------------- what is known */

/* serverCounts(addon, server): [connections, users, rooms] */
static napi_value server_counts(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    int64_t counts[] = {hearth_server_connection_count(object), hearth_server_user_count(object),
                        hearth_server_room_count(object)};
    return list_of(env, counts, 3);
}

/* Calls that take a server and answer a text. */
static napi_value told(napi_env env, napi_callback_info info,
                       int64_t (*function)(hearth_server *, char *, size_t)) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    RETURN_COPY(call, as_text, function(object, place, capacity));
}

static napi_value server_stats(napi_env env, napi_callback_info info) {
    return told(env, info, hearth_server_stats);
}
static napi_value server_metrics(napi_env env, napi_callback_info info) {
    return told(env, info, hearth_server_metrics);
}
static napi_value server_health(napi_env env, napi_callback_info info) {
    return told(env, info, hearth_server_health);
}
/* The names, each ended by a NUL. */
static napi_value server_rooms(napi_env env, napi_callback_info info) {
    return told(env, info, hearth_server_rooms);
}

/* serverUsers(addon, server, cursor): a page [cursor after it, names each ended by a NUL]; the cursor is a
 * BigInt, 0 before the first page and after the last. */
static napi_value server_users(napi_env env, napi_callback_info info) {
    enum { PAGE_BYTES = 1 << 17 };
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    uint64_t cursor = 0;
    bool is_exact;
    napi_value page, value;
    char *names = malloc(PAGE_BYTES);
    if (call.count < 3 || napi_get_value_bigint_uint64(env, call.arguments[2], &cursor, &is_exact) != napi_ok)
        call.is_wrong = true;
    int64_t length = names ? HEARTH_ERR_INVALID : HEARTH_ERR_MEMORY;
    if (names && !call.is_wrong)
        length = hearth_server_list_users(object, &cursor, names, PAGE_BYTES);
    if (length < 0) {
        free(names);
        return answer(&call, length);
    }
    napi_create_array_with_length(env, 2, &page);
    napi_create_bigint_uint64(env, cursor, &value);
    napi_set_element(env, page, 0, value);
    napi_set_element(env, page, 1, as_text(env, names, (size_t)length));
    free(names);
    return page;
}

/* -------------------------------------------------------------- the engine */

/* keepAlive(addon, keeps) */
static napi_value keep_alive(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    uint32_t keeps = number(&call, 1);
    /* Until JavaScript has been told the last of what it waits for, not only until it has happened. */
    if (!call.is_wrong && keeps)
        uv_ref((uv_handle_t *)&call.addon->check);
    else if (!call.is_wrong)
        uv_unref((uv_handle_t *)&call.addon->check);
    return answer(&call, call.is_wrong ? 0 : hearth_engine_keep_alive(call.addon->engine, keeps != 0));
}

/* send(addon, kind, target, leftOut, name, opcode, bytes): one record of outbox.c that is too large for it;
 * name is a Buffer. */
static napi_value send_now(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    size_t name_length, length;
    uint32_t words[6] = {0};
    words[1] = number(&call, 1) | number(&call, 5) << 8;
    words[2] = number(&call, 2);
    words[3] = number(&call, 3);
    const void *name = bytes(&call, 4, &name_length), *data = bytes(&call, 6, &length);
    char *copy = call.is_wrong ? NULL : malloc(name_length + 1);
    if (!copy)
        return answer(&call, HEARTH_ERR_MEMORY);
    if (name_length)
        memcpy(copy, name, name_length);
    copy[name_length] = '\0';
    words[4] = (uint32_t)name_length;
    words[5] = (uint32_t)length;
    int64_t result = length > UINT32_MAX ? HEARTH_ERR_TOO_LARGE : addon_send(call.addon, words, copy, data);
    free(copy);
    return answer(&call, result);
}

/* flush(addon): the outbox is full. */
static napi_value flush(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, HEARTH_OK);
}

void addon_define_servers(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"engineError", engine_error},
        {"describe", describe},
        {"errorName", error_name},
        {"errorSentence", error_sentence},
        {"serverNew", server_new},
        {"serverFree", server_free},
        {"serverRoute", server_route},
        {"serverStart", server_start},
        {"serverStop", server_stop},
        {"serverPort", server_port},
        {"serverAddress", server_address},
        {"serverAdopt", server_adopt},
        {"socketPair", socket_pair},
        {"closeDescriptor", close_descriptor},
        {"serverDrain", server_drain},
        {"serverReloadTLS", server_reload_tls},
        {"serverCounts", server_counts},
        {"serverStats", server_stats},
        {"serverMetrics", server_metrics},
        {"serverHealth", server_health},
        {"serverRooms", server_rooms},
        {"serverUsers", server_users},
        {"keepAlive", keep_alive},
        {"send", send_now},
        {"flush", flush},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
