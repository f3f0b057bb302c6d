/* How a call of JavaScript is read and answered. */
#ifndef HEARTH_NODE_CALL_H
#define HEARTH_NODE_CALL_H

#include "addon.h"
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 8, TEXT_BYTES = 2048 };

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
        /* Without memory, or with a NUL inside. */
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

/* What a function of the header copies out, as a Buffer: asked for its length first. */
#define COPIED(call, length_, fill)                                                \
    do {                                                                           \
        int64_t needed_ = (call).is_wrong ? HEARTH_ERR_INVALID : (length_);        \
        void *place = NULL;                                                        \
        napi_value buffer_;                                                        \
        size_t capacity = needed_ < 0 ? 0 : (size_t)needed_ + 1;                   \
        if (needed_ < 0)                                                           \
            return answer(&(call), needed_);                                       \
        if (napi_create_buffer((call).env, capacity, &place, &buffer_) != napi_ok) \
            return answer(&(call), HEARTH_ERR_MEMORY);                             \
        (void)(fill);                                                              \
        return shortened((call).env, buffer_, (size_t)needed_);                    \
    } while (0)

static inline napi_value shortened(napi_env env, napi_value buffer, size_t length) {
    napi_value slice, arguments[2], result;
    if (napi_get_named_property(env, buffer, "subarray", &slice) != napi_ok ||
        napi_create_uint32(env, 0, &arguments[0]) != napi_ok ||
        napi_create_uint32(env, (uint32_t)length, &arguments[1]) != napi_ok ||
        napi_call_function(env, buffer, slice, 2, arguments, &result) != napi_ok)
        return buffer;
    return result;
}

/* A configuration with the settings [key, value, key, value …] of an argument. NULL: the sentence says
 * why. */
static inline hearth_config *configure(struct call *call, size_t index, char *sentence, int *error) {
    uint32_t count = 0;
    hearth_config *config = hearth_config_new();
    *error = config ? HEARTH_OK : HEARTH_ERR_MEMORY;
    if (napi_get_array_length(call->env, call->arguments[index], &count) != napi_ok)
        *error = HEARTH_ERR_INVALID;
    for (uint32_t position = 0; *error == HEARTH_OK && position + 1 < count; position += 2) {
        char pair[2][TEXT_BYTES] = {"", ""};
        for (uint32_t part = 0; part < 2; part++) {
            napi_value element;
            size_t length;
            if (napi_get_element(call->env, call->arguments[index], position + part, &element) != napi_ok ||
                napi_get_value_string_utf8(call->env, element, pair[part], TEXT_BYTES, &length) != napi_ok)
                *error = HEARTH_ERR_INVALID;
        }
        if (*error == HEARTH_OK)
            *error = hearth_config_set(config, pair[0], pair[1]);
    }
    if (*error == HEARTH_OK)
        return config;
    hearth_config_error(config, sentence, TEXT_BYTES);
    hearth_config_free(config);
    return NULL;
}

static inline napi_value throw_error(napi_env env, int error, const char *sentence) {
    napi_throw_error(env, hearth_error_name(error), *sentence ? sentence : hearth_strerror(error));
    return NULL;
}

static inline napi_value list_of(napi_env env, const int64_t *numbers, size_t count) {
    napi_value list, value;
    napi_create_array_with_length(env, count, &list);
    for (size_t index = 0; index < count; index++) {
        napi_create_int64(env, numbers[index], &value);
        napi_set_element(env, list, (uint32_t)index, value);
    }
    return list;
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
