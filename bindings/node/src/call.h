/* How a call of JavaScript is read and answered. */
#ifndef HEARTH_NODE_CALL_H
#define HEARTH_NODE_CALL_H

#include "addon.h"
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 10, SENTENCE_BYTES = 2048 };

struct call {
    napi_env env;
    struct addon *addon;
    size_t count;
    napi_value arguments[ARGUMENTS_MAX];
    bool is_wrong;
};

/* Every call comes behind the messages that were sent before it. */
static inline struct call begin(napi_env env, napi_callback_info info) {
    struct call call = {.env = env, .count = ARGUMENTS_MAX};
    void *addon = NULL;
    call.is_wrong = napi_get_cb_info(env, info, &call.count, call.arguments, NULL, NULL) != napi_ok ||
                    call.count < 1 || napi_get_value_external(env, call.arguments[0], &addon) != napi_ok;
    call.addon = addon;
    if (!call.is_wrong)
        addon_send_outbox(call.addon);
    return call;
}

static inline napi_value answer(const struct call *call, int64_t number) {
    napi_value value;
    napi_create_int64(call->env, call->is_wrong ? HEARTH_ERR_INVALID : number, &value);
    return value;
}

static inline uint32_t number(struct call *call, size_t index) {
    uint32_t value = 0;
    if (index >= call->count || napi_get_value_uint32(call->env, call->arguments[index], &value) != napi_ok)
        call->is_wrong = true;
    return value;
}

/* A string, NUL-terminated, in memory that `done` frees; NULL for null and undefined. */
static inline char *text(struct call *call, size_t index) {
    napi_valuetype type;
    size_t length = 0;
    if (index >= call->count || napi_typeof(call->env, call->arguments[index], &type) != napi_ok)
        return NULL;
    if (type == napi_null || type == napi_undefined)
        return NULL;
    if (napi_get_value_string_utf8(call->env, call->arguments[index], NULL, 0, &length) != napi_ok) {
        call->is_wrong = true;
        return NULL;
    }
    char *copy = malloc(length + 1);
    if (!copy ||
        napi_get_value_string_utf8(call->env, call->arguments[index], copy, length + 1, &length) != napi_ok ||
        strlen(copy) != length) {
        /* There is no memory, or a NUL inside. */
        free(copy);
        call->is_wrong = true;
        return NULL;
    }
    return copy;
}

/* The bytes of a Buffer or typed array. */
static inline const void *bytes(struct call *call, size_t index, size_t *length) {
    void *data = NULL;
    bool is_buffer = false;
    *length = 0;
    if (index >= call->count || napi_is_buffer(call->env, call->arguments[index], &is_buffer) != napi_ok ||
        !is_buffer || napi_get_buffer_info(call->env, call->arguments[index], &data, length) != napi_ok)
        call->is_wrong = true;
    return data;
}

/* ------------------------------------------------------------------------- answers */

static inline napi_value as_text(napi_env env, const char *data, size_t length) {
    napi_value value = NULL;
    napi_create_string_utf8(env, data, length, &value);
    return value;
}

static inline napi_value as_bytes(napi_env env, const char *data, size_t length) {
    napi_value value = NULL;
    napi_create_buffer_copy(env, length, data, NULL, &value);
    return value;
}

/* Makes `value` of what a function of the header copies into `place` with `capacity` bytes, which `asked`
 * calls. It is asked until everything fits, as it may be more the second time. */
#define COPY(call, value, convert, asked)                                                               \
    do {                                                                                                \
        char *place = NULL;                                                                             \
        size_t capacity = 0;                                                                            \
        int64_t length_;                                                                                \
        for (;;) {                                                                                      \
            length_ = (call).is_wrong ? HEARTH_ERR_INVALID : (asked);                                   \
            if (length_ < 0 || (size_t)length_ < capacity)                                              \
                break;                                                                                  \
            capacity = (size_t)length_ + 64;                                                            \
            free(place);                                                                                \
            place = malloc(capacity);                                                                   \
            if (!place) {                                                                               \
                length_ = HEARTH_ERR_MEMORY;                                                            \
                break;                                                                                  \
            }                                                                                           \
        }                                                                                               \
        (value) = length_ < 0 ? answer(&(call), length_) : convert((call).env, place, (size_t)length_); \
        free(place);                                                                                    \
    } while (0)

#define RETURN_COPY(call, convert, asked)   \
    do {                                    \
        napi_value value_;                  \
        COPY(call, value_, convert, asked); \
        return value_;                      \
    } while (0)

static inline napi_value list_of(napi_env env, const int64_t *numbers, size_t count) {
    napi_value list, value;
    napi_create_array_with_length(env, count, &list);
    for (size_t index = 0; index < count; index++) {
        napi_create_int64(env, numbers[index], &value);
        napi_set_element(env, list, (uint32_t)index, value);
    }
    return list;
}

/* ------------------------------------------------------------------------- objects */

static inline void *owned(struct call *call, const struct table *table, size_t index) {
    uint32_t position = number(call, index);
    if (call->is_wrong || position >= table->count || !table->owners[position])
        return NULL;
    return table->owners[position]->object;
}

static inline hearth_server *server(struct call *call, size_t index) {
    return call->addon ? owned(call, &call->addon->servers, index) : NULL;
}

static inline hearth_connection connection(struct call *call, size_t index) {
    uint32_t position = number(call, index);
    if (call->is_wrong || position >= call->addon->connections_count)
        return 0;
    return call->addon->connections[position];
}

/* What is not open yet, a peer that asks or a request, by the two words of its id. */
static inline hearth_connection asker(struct call *call, size_t index) {
    uint32_t low = number(call, index), high = number(call, index + 1);
    return (hearth_connection)high << 32 | low;
}

/* A configuration with the settings [key, value, key, value …]. NULL: the sentence says why. */
static inline hearth_config *configure(napi_env env, napi_value settings, char *sentence, int *error) {
    uint32_t count = 0;
    hearth_config *config = hearth_config_new();
    *error = config ? HEARTH_OK : HEARTH_ERR_MEMORY;
    if (napi_get_array_length(env, settings, &count) != napi_ok)
        *error = HEARTH_ERR_INVALID;
    for (uint32_t position = 0; *error == HEARTH_OK && position + 1 < count; position += 2) {
        struct call pair = {.env = env, .count = 2};
        napi_get_element(env, settings, position, &pair.arguments[0]);
        napi_get_element(env, settings, position + 1, &pair.arguments[1]);
        char *key = text(&pair, 0), *value = text(&pair, 1);
        *error = pair.is_wrong ? HEARTH_ERR_INVALID : hearth_config_set(config, key, value);
        free(key);
        free(value);
    }
    if (*error == HEARTH_OK)
        return config;
    hearth_config_error(config, sentence, SENTENCE_BYTES);
    hearth_config_free(config);
    return NULL;
}

static inline napi_value throw_error(napi_env env, int error, const char *sentence) {
    napi_throw_error(env, hearth_error_name(error), *sentence ? sentence : hearth_strerror(error));
    return NULL;
}

struct definition {
    const char *name;
    napi_callback function;
};

static inline void define(napi_env env, napi_value exports, const struct definition *calls, size_t count) {
    for (size_t index = 0; index < count; index++) {
        napi_property_descriptor property = {calls[index].name, NULL, calls[index].function, NULL, NULL, NULL,
                                             napi_enumerable,   NULL};
        napi_define_properties(env, exports, 1, &property);
    }
}

#endif
