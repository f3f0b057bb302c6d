/* Rooms, users and presence as JavaScript has them. Connections are the indices of JavaScript's. */
#include "addon.h"
#include "call.h"

static napi_value indices(const struct call *call, const hearth_connection *list, int64_t count) {
    napi_value array, value;
    napi_create_array_with_length(call->env, (size_t)count, &array);
    for (int64_t index = 0; index < count; index++) {
        napi_create_uint32(call->env, (uint32_t)(uintptr_t)hearth_connection_context(list[index]), &value);
        napi_set_element(call->env, array, (uint32_t)index, value);
    }
    return array;
}

/* Calls that list connections, of a room, of a user or of all. */
static napi_value listed(napi_env env, napi_callback_info info,
                         int64_t (*function)(hearth_server *, const char *, hearth_connection *, size_t)) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2);
    int64_t count = call.is_wrong ? HEARTH_ERR_INVALID : function(object, name, NULL, 0);
    hearth_connection *list = count > 0 ? malloc((size_t)count * sizeof *list) : NULL;
    if (count > 0 && !list)
        count = HEARTH_ERR_MEMORY;
    if (count > 0)
        function(object, name, list, (size_t)count);
    napi_value result = count < 0 ? answer(&call, count) : indices(&call, list, count);
    free(list);
    free(name);
    return result;
}

static int64_t all_connections(hearth_server *object, const char *name, hearth_connection *list,
                               size_t count) {
    (void)name;
    return hearth_server_connections(object, list, count);
}

static napi_value room_members(napi_env env, napi_callback_info info) {
    return listed(env, info, hearth_room_members);
}
static napi_value user_connections(napi_env env, napi_callback_info info) {
    return listed(env, info, hearth_user_connections);
}
static napi_value server_connections(napi_env env, napi_callback_info info) {
    return listed(env, info, all_connections);
}

/* roomUsers(addon, server, room): the names, each ended by a NUL. */
static napi_value room_users(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2);
    napi_value users;
    COPY(call, users, as_text, hearth_room_users(object, name, place, capacity));
    free(name);
    return users;
}

/* -------------------------------------------------------------- presence */

/* The users of a snapshot as a flat list: name, data, joined at, connections, name … */
static napi_value snapshot_of(const struct call *call, uint64_t version, const char *bytes, size_t length) {
    napi_env env = call->env;
    napi_value list, value;
    uint32_t count = 0;
    napi_create_array(env, &list);
    napi_create_double(env, (double)version, &value);
    napi_set_element(env, list, count++, value);
    for (size_t at = 0; at + sizeof(hearth_presence) <= length;) {
        hearth_presence user;
        memcpy(&user, bytes + at, sizeof user);
        const hearth_connection *ids = (const hearth_connection *)(bytes + at + user.head_size);
        const char *name = (const char *)(ids + user.connection_count);
        napi_set_element(env, list, count++, as_text(env, name, user.user_length));
        napi_set_element(env, list, count++, as_bytes(env, name + user.user_length + 1, user.data_length));
        napi_create_double(env, (double)user.joined_at_ms, &value);
        napi_set_element(env, list, count++, value);
        napi_set_element(env, list, count++, indices(call, ids, user.connection_count));
        at += user.size;
    }
    return list;
}

/* roomPresence(addon, server, room): [version, name, data, joined at, connections, …] */
static napi_value room_presence(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2), *snapshot = NULL;
    uint64_t version = 0;
    size_t capacity = 0;
    int64_t length;
    for (;;) {
        length = call.is_wrong ? HEARTH_ERR_INVALID
                               : hearth_room_presence(object, name, &version, snapshot, capacity);
        if (length < 0 || (size_t)length <= capacity)
            break;
        free(snapshot);
        capacity = (size_t)length;
        snapshot = malloc(capacity);
        if (!snapshot) {
            length = HEARTH_ERR_MEMORY;
            break;
        }
    }
    napi_value result =
        length < 0 ? answer(&call, length) : snapshot_of(&call, version, snapshot, (size_t)length);
    free(snapshot);
    free(name);
    return result;
}

/* userSetPresence(addon, server, user, bytes) */
static napi_value user_set_presence(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    size_t length;
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2);
    const void *data = bytes(&call, 3, &length);
    int64_t result = call.is_wrong ? 0 : hearth_user_set_presence(object, name, data, length);
    free(name);
    return answer(&call, result);
}

/* userKick(addon, server, user, code, reason) */
static napi_value user_kick(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2), *reason = text(&call, 4);
    uint32_t code = number(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_user_kick(object, name, (int)code, reason);
    free(name);
    free(reason);
    return answer(&call, result);
}

/* serverAsk(addon, server, subject, name, milliseconds) */
static napi_value server_ask(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    uint32_t subject = number(&call, 2), milliseconds = number(&call, 4);
    char *name = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_server_ask(object, subject, name, (int)milliseconds);
    free(name);
    return answer(&call, result);
}

void addon_define_rooms(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"serverConnections", server_connections},
        {"serverAsk", server_ask},
        {"roomMembers", room_members},
        {"roomUsers", room_users},
        {"roomPresence", room_presence},
        {"userConnections", user_connections},
        {"userSetPresence", user_set_presence},
        {"userKick", user_kick},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
