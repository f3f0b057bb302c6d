/* The functions of the header as JavaScript calls them: the addon first, then numbers, strings and
 * buffers. They answer what the header's answer, a number that is negative for an error; names and checks
 * are JavaScript's. */
#include "addon.h"
#include "call.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hearth_server *server(struct call *call, size_t index) {
    uint32_t position = number(call, index);
    if (call->is_wrong || position >= call->addon->servers_count)
        return NULL;
    return call->addon->servers[position];
}

static hearth_connection connection(struct call *call, size_t index) {
    uint32_t position = number(call, index);
    if (call->is_wrong || position >= call->addon->connections_count)
        return 0;
    return call->addon->connections[position];
}

/* What is not open yet, a peer that asks or a request, by the two words of its id. */
static hearth_connection asker(struct call *call, size_t index) {
    uint32_t low = number(call, index), high = number(call, index + 1);
    return (hearth_connection)high << 32 | low;
}

/* -------------------------------------------------------------- configuration and errors */

/* The sentence on the last error of the engine. */
static napi_value engine_error(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    char sentence[TEXT_BYTES] = "";
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
    char sentence[TEXT_BYTES] = "";
    int error = HEARTH_ERR_INVALID;
    if (call.is_wrong || call.addon->servers_count == SERVERS_MAX)
        return throw_error(env, call.is_wrong ? HEARTH_ERR_INVALID : HEARTH_ERR_LIMIT, "");
    hearth_config *config = configure(&call, 1, sentence, &error);
    if (!config)
        return throw_error(env, error, sentence);
    hearth_server *made = hearth_server_new(call.addon->engine, config);
    hearth_config_free(config);
    struct owner *owner = malloc(sizeof *owner);
    if (!made || !owner) {
        hearth_engine_error(call.addon->engine, sentence, sizeof sentence);
        free(owner);
        return throw_error(env, HEARTH_ERR_INVALID_VALUE, sentence);
    }
    *owner =
        (struct owner){.addon = call.addon, .number = call.addon->servers_count, .next = call.addon->owners};
    call.addon->owners = owner;
    hearth_server_on_event(made, addon_on_event, owner);
    call.addon->servers[call.addon->servers_count++] = made;
    return answer(&call, owner->number);
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
    char address[256];
    napi_value value;
    int64_t length = hearth_server_address(object, index, address, sizeof address);
    if (call.is_wrong || length < 0)
        return answer(&call, length);
    napi_create_string_utf8(env, address, NAPI_AUTO_LENGTH, &value);
    return value;
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

/* serverCounts(addon, server): [connections, users, rooms] */
static napi_value server_counts(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    int64_t counts[] = {hearth_server_connection_count(object), hearth_server_user_count(object),
                        hearth_server_room_count(object)};
    return list_of(env, counts, 3);
}

/* serverRooms(addon, server): a Buffer with the names, each ended by a NUL. */
static napi_value server_rooms(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    COPIED(call, hearth_server_rooms(object, NULL, 0), hearth_server_rooms(object, place, capacity));
}

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

/* -------------------------------------------------------------- messages too large for the outbox */

/* send(addon, kind, target, leftOut, name, opcode, bytes), with the words of events.c. */
static napi_value send_now(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_except except = {.size = sizeof except};
    size_t length;
    uint32_t kind = number(&call, 1), opcode = number(&call, 5);
    except.connection = connection(&call, 3);
    char *name = text(&call, 4);
    const void *data = bytes(&call, 6, &length);
    int64_t result = HEARTH_ERR_INVALID;
    if (call.is_wrong)
        result = HEARTH_ERR_INVALID;
    else if (kind == 1)
        result = hearth_connection_send(connection(&call, 2), opcode, data, length);
    else if (kind == 2)
        result = hearth_room_broadcast(server(&call, 2), name, opcode, data, length, &except);
    else if (kind == 3)
        result = hearth_server_broadcast(server(&call, 2), opcode, data, length, &except);
    else if (kind == 4)
        result = hearth_user_send(server(&call, 2), name, opcode, data, length, &except);
    free(name);
    return answer(&call, result);
}

/* flush(addon): the outbox is full. */
static napi_value flush(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, HEARTH_OK);
}

/* -------------------------------------------------------------- connections */

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
    COPIED(call, hearth_connection_rooms(id, NULL, 0), hearth_connection_rooms(id, place, capacity));
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

/* -------------------------------------------------------------- rooms and users */

static napi_value indices(const struct call *call, const hearth_connection *list, int64_t count) {
    napi_value array, value;
    napi_create_array_with_length(call->env, (size_t)count, &array);
    for (int64_t index = 0; index < count; index++) {
        napi_create_uint32(call->env, (uint32_t)(uintptr_t)hearth_connection_context(list[index]), &value);
        napi_set_element(call->env, array, (uint32_t)index, value);
    }
    return array;
}

/* Functions that list connections, of a room or a user: an array of the indices of JavaScript's. */
static napi_value listed(napi_env env, napi_callback_info info,
                         int64_t (*function)(hearth_server *, const char *, hearth_connection *, size_t)) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2);
    int64_t count = call.is_wrong ? HEARTH_ERR_INVALID : function(object, name, NULL, 0);
    napi_value result = NULL;
    hearth_connection *list = count > 0 ? malloc((size_t)count * sizeof *list) : NULL;
    if (count > 0 && !list)
        count = HEARTH_ERR_MEMORY;
    if (count > 0)
        function(object, name, list, (size_t)count);
    result = count < 0 ? answer(&call, count) : indices(&call, list, count);
    free(list);
    free(name);
    return result;
}

static napi_value room_members(napi_env env, napi_callback_info info) {
    return listed(env, info, hearth_room_members);
}
static napi_value user_connections(napi_env env, napi_callback_info info) {
    return listed(env, info, hearth_user_connections);
}

static napi_value server_connections(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    int64_t count = call.is_wrong ? HEARTH_ERR_INVALID : hearth_server_connections(object, NULL, 0);
    hearth_connection *list = count > 0 ? malloc((size_t)count * sizeof *list) : NULL;
    if (count > 0 && !list)
        count = HEARTH_ERR_MEMORY;
    if (count > 0)
        hearth_server_connections(object, list, (size_t)count);
    napi_value result = count < 0 ? answer(&call, count) : indices(&call, list, count);
    free(list);
    return result;
}

static napi_value room_users(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2);
    if (call.is_wrong || !name) {
        free(name);
        return answer(&call, HEARTH_ERR_INVALID);
    }
    char room[TEXT_BYTES];
    strncpy(room, name, sizeof room - 1);
    room[sizeof room - 1] = '\0';
    free(name);
    COPIED(call, hearth_room_users(object, room, NULL, 0), hearth_room_users(object, room, place, capacity));
}

void addon_define_calls(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"engineError", engine_error},
        {"describe", describe},
        {"errorName", error_name},
        {"errorSentence", error_sentence},
        {"serverNew", server_new},
        {"serverRoute", server_route},
        {"serverStart", server_start},
        {"serverStop", server_stop},
        {"serverPort", server_port},
        {"serverAddress", server_address},
        {"serverAdopt", server_adopt},
        {"serverCounts", server_counts},
        {"serverRooms", server_rooms},
        {"serverConnections", server_connections},
        {"keepAlive", keep_alive},
        {"send", send_now},
        {"flush", flush},
        {"connectionClose", connection_close},
        {"connectionAccept", connection_accept},
        {"connectionReject", connection_reject},
        {"connectionJoin", connection_join},
        {"connectionLeave", connection_leave},
        {"connectionSetUser", connection_set_user},
        {"connectionRooms", connection_rooms},
        {"connectionInfo", connection_info},
        {"respond", http_respond},
        {"roomMembers", room_members},
        {"roomUsers", room_users},
        {"userConnections", user_connections},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
