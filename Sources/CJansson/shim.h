/* Jansson: JSON. Static inline functions stand in only for what Swift cannot import: macros. */
#ifndef HEARTH_CJANSSON_SHIM_H
#define HEARTH_CJANSSON_SHIM_H

#include <jansson.h>

static inline int hearth_shim_json_type(const json_t *value) {
    return (int)json_typeof(value);
}

static inline int hearth_shim_json_is_true(const json_t *value) {
    return json_is_true(value);
}

static inline size_t hearth_shim_json_compact_any(void) {
    return JSON_COMPACT | JSON_ENCODE_ANY;
}

#endif
