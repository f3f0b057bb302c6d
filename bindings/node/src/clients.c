/* The functions of clients as JavaScript calls them, with the number of a client in the place of a
 * server's. */
#include "addon.h"
#include "call.h"
#include <stdlib.h>

static hearth_client *client(struct call *call, size_t index) {
    return call->addon ? owned(call, &call->addon->clients, index) : NULL;
}

/* clientNew(addon, settings): the client's number. Throws. */
static napi_value client_new(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    struct owner *owner = addon_make(&call, true);
    if (!owner)
        return NULL;
    hearth_client_on_event(owner->object, addon_on_event, owner);
    return answer(&call, owner->number & ~OWNER_IS_CLIENT);
}

/* clientFree(addon, client) */
static napi_value client_free(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    if (!object)
        return answer(&call, HEARTH_ERR_INVALID);
    struct owner *owner = call.addon->clients.owners[number(&call, 1)];
    int result = hearth_client_free(object);
    addon_retire(call.addon, owner);
    return answer(&call, result);
}

static napi_value client_open(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_client_open(client(&call, 1)));
}

/* clientClose(addon, client, code, reason) */
static napi_value client_close(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    uint32_t code = number(&call, 2);
    char *reason = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_client_close(object, (int)code, reason);
    free(reason);
    return answer(&call, result);
}

/* clientSend(addon, client, opcode, data, flags): data is a string or a Buffer. The message's number, or
 * an error. */
static napi_value client_send(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    uint32_t opcode = number(&call, 2), flags = number(&call, 4);
    size_t length = 0;
    char small[1024], *larger = NULL;
    const void *data;
    if (opcode == HEARTH_TEXT) {
        size_t taken = 0;
        data = small;
        if (call.is_wrong || napi_get_value_string_utf8(env, call.arguments[3], NULL, 0, &length) != napi_ok)
            return answer(&call, HEARTH_ERR_INVALID);
        if (length >= sizeof small)
            data = larger = malloc(length + 1);
        if (!data)
            return answer(&call, HEARTH_ERR_MEMORY);
        napi_get_value_string_utf8(env, call.arguments[3], larger ? larger : small, length + 1, &taken);
    } else {
        data = bytes(&call, 3, &length);
    }
    int64_t result = call.is_wrong ? 0 : hearth_client_send(object, opcode, data, length, flags);
    free(larger);
    return answer(&call, result);
}

static napi_value client_poke(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_client_poke(client(&call, 1)));
}

/* clientPause(addon, client, isPaused) */
static napi_value client_pause(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    uint32_t is_paused = number(&call, 2);
    return answer(&call, call.is_wrong ? 0 : hearth_client_pause(object, is_paused != 0));
}

/* clientProceed(addon, client, url, headers) */
static napi_value client_proceed(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    char *url = text(&call, 2), *headers = text(&call, 3);
    int64_t result = call.is_wrong ? 0 : hearth_client_proceed(object, url, headers);
    free(url);
    free(headers);
    return answer(&call, result);
}

/* clientDecline(addon, client, reason) */
static napi_value client_decline(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    char *reason = text(&call, 2);
    int64_t result = call.is_wrong ? 0 : hearth_client_decline(object, reason);
    free(reason);
    return answer(&call, result);
}

static napi_value client_url(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    RETURN_COPY(call, as_text, hearth_client_url(object, place, capacity));
}

/* clientInfo(addon, client): a list of numbers, or an error. */
static napi_value client_info(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client_info known = {.size = sizeof known};
    int status = hearth_client_get_info(client(&call, 1), &known);
    if (call.is_wrong || status != HEARTH_OK)
        return answer(&call, status);
    int64_t numbers[] = {known.state,
                         known.attempts,
                         known.opens,
                         known.latency_us,
                         (int64_t)known.opened_at_ms,
                         (int64_t)known.last_received_at_ms,
                         (int64_t)known.messages_received,
                         (int64_t)known.messages_sent,
                         (int64_t)known.messages_dropped,
                         (int64_t)known.queue_messages,
                         (int64_t)known.queue_bytes,
                         (int64_t)known.outbox_bytes};
    return list_of(env, numbers, sizeof numbers / sizeof numbers[0]);
}

/* clientQueue(addon, client): the numbers of the messages that wait. */
static napi_value client_queue(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    int64_t count = call.is_wrong ? HEARTH_ERR_INVALID : hearth_client_queue(object, NULL, 0);
    if (count < 0)
        return answer(&call, count);
    uint64_t *messages = malloc(((size_t)count + 1) * sizeof *messages);
    if (!messages)
        return answer(&call, HEARTH_ERR_MEMORY);
    hearth_client_queue(object, messages, (size_t)count);
    napi_value list = list_of(env, (const int64_t *)messages, (size_t)count);
    free(messages);
    return list;
}

/* clientQueueMessage(addon, client, message): a string or a Buffer, or an error. */
static napi_value client_queue_message(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    hearth_client *object = client(&call, 1);
    int64_t message = 0;
    uint32_t opcode = 0;
    napi_value value;
    if (call.count < 3 || napi_get_value_int64(env, call.arguments[2], &message) != napi_ok)
        call.is_wrong = true;
    int64_t known = call.is_wrong ? HEARTH_ERR_INVALID
                                  : hearth_client_queue_message(object, (uint64_t)message, &opcode, NULL, 0);
    if (known >= 0 && opcode == HEARTH_TEXT)
        COPY(call, value, as_text,
             hearth_client_queue_message(object, (uint64_t)message, &opcode, place, capacity));
    else if (known >= 0)
        COPY(call, value, as_bytes,
             hearth_client_queue_message(object, (uint64_t)message, &opcode, place, capacity));
    else
        value = answer(&call, known);
    return value;
}

static napi_value client_queue_clear(napi_env env, napi_callback_info info) {
    struct call call = begin(env, info);
    return answer(&call, hearth_client_queue_clear(client(&call, 1)));
}

void addon_define_clients(napi_env env, napi_value exports) {
    static const struct definition calls[] = {
        {"clientNew", client_new},
        {"clientFree", client_free},
        {"clientOpen", client_open},
        {"clientClose", client_close},
        {"clientSend", client_send},
        {"clientPoke", client_poke},
        {"clientPause", client_pause},
        {"clientProceed", client_proceed},
        {"clientDecline", client_decline},
        {"clientUrl", client_url},
        {"clientInfo", client_info},
        {"clientQueue", client_queue},
        {"clientQueueMessage", client_queue_message},
        {"clientQueueClear", client_queue_clear},
    };
    define(env, exports, calls, sizeof calls / sizeof calls[0]);
}
