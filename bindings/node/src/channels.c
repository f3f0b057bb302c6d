/* Channels as JavaScript has them: transports that the program brings. */
#include "addon.h"
#include "call.h"

/* serverChannel(addon, server, name, options): CHANNEL_SEND comes with the events of the server. */
static napi_value server_channel(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    char *name = text(&call, 2), *options = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_server_channel(object, name, options, NULL, NULL, NULL);
    free(name);
    free(options);
    return answer(&call, result);
}

/* channelConnect(addon, server, name, recipient, path, query, headers, user, address, subprotocol): the
 * index of the connection, whose OPEN event follows. */
static napi_value channel_connect(napi_env env, napi_callback_info info) {
    enum { TEXTS = 8 };
    struct call call = begin(env, info);
    hearth_server *object = server(&call, 1);
    hearth_connection id = 0;
    char *texts[TEXTS];
    for (size_t index = 0; index < TEXTS; index++)
        texts[index] = text(&call, index + 2);
    hearth_channel_peer peer = {.size = sizeof peer,
                                .recipient = texts[1],
                                .path = texts[2],
                                .query = texts[3],
                                .headers = texts[4],
                                .user = texts[5],
                                .address = texts[6],
                                .subprotocol = texts[7]};
    int64_t result =
        call.is_wrong ? HEARTH_ERR_INVALID : hearth_server_connect_channel(object, texts[0], &peer, &id);
    if (result == HEARTH_OK)
        result = (int64_t)(uintptr_t)hearth_connection_context(id);
    for (size_t index = 0; index < TEXTS; index++)
        free(texts[index]);
    return answer(&call, result);
}

/* channelReceive(addon, connection, opcode, bytes) */
static napi_value channel_receive(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    size_t length;
    hearth_connection id = connection(&call, 1);
    uint32_t opcode = number(&call, 2);
    const void *data = bytes(&call, 3, &length);
    return answer(&call, call.is_wrong ? 0 : hearth_channel_receive(id, opcode, data, length));
}

/* channelSent(addon, connection, bytes) */
static napi_value channel_sent(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    return answer(&call, hearth_channel_sent(id, number(&call, 2)));
}

static napi_value channel_alive(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_channel_alive(connection(&call, 1)));
}

/* channelClosed(addon, connection, code, reason) */
static napi_value channel_closed(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    uint32_t code = number(&call, 2);
    char *reason = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_channel_closed(id, (int)code, reason);
    free(reason);
    return answer(&call, result);
}

static napi_value connection_recipient(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_connection id = connection(&call, 1);
    RETURN_COPY(call, as_text, hearth_connection_recipient(id, place, capacity));
}

void addon_define_channels(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"serverChannel", server_channel},
        {"channelConnect", channel_connect},
        {"channelReceive", channel_receive},
        {"channelSent", channel_sent},
        {"channelAlive", channel_alive},
        {"channelClosed", channel_closed},
        {"connectionRecipient", connection_recipient},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
