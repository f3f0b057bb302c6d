/* Events from the engine to JavaScript, a batch for each turn of the loop.
 *
 * A record of an event is 16 words and its strings, one behind the other, padded to 8 bytes:
 *   0 bytes of the record                       8 length of room, or of an event's name (json dialect)
 *   1 type | flags << 8 | opcode << 16          9 length of user
 *   2 index of the connection, or 0            10 length of path
 *   3 id, low word     4 id, high word         11 length of info
 *   5 server                                   12 length of the payload
 *   6 code                                     13 time, low word    14 time, high word
 *   7 route                                    15 place of a large payload, from 1
 * The strings are payload, room, user, path, info. info: five words with the lengths of method, query,
 * address, headers, captures, then these; for events of presence, the version in two words; for events of a
 * client, whose number with the highest bit set is in word 5: state, attempt, error, status, delay and
 * message in two words each, with the headers of the answer for the room and the address for the user; for
 * CHANNEL_SEND the indices of all connections. A payload of more than 64 KiB
 * is not in the record but, as a string or a Buffer, in the list `payloads` of the engine. An entry of the
 * log has the level for its code, the area for its room and the fields for its info. */
#include "addon.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER_WORDS = 16, PAYLOAD_BYTES_MAX = 64 << 10 };
enum { FLAG_ASCII = 8, FLAG_NAMED = 16, TYPE_LOG = 255 };

bool inbox_open(struct addon *addon, struct inbox *inbox, size_t capacity) {
    napi_value buffer;
    void *base;
    napi_ref reference;
    if (napi_create_arraybuffer(addon->env, capacity, &base, &buffer) != napi_ok ||
        napi_create_reference(addon->env, buffer, 1, &reference) != napi_ok)
        return false;
    if (inbox->used)
        memcpy(base, inbox->base, inbox->used);
    if (inbox->buffer)
        napi_delete_reference(addon->env, inbox->buffer);
    inbox->buffer = reference;
    inbox->base = base;
    inbox->capacity = capacity;
    return true;
}

static uint8_t *reserve(struct addon *addon, size_t size) {
    struct inbox *inbox = &addon->inboxes[addon->filling];
    if (inbox->used + size > inbox->capacity) {
        size_t capacity = inbox->capacity;
        napi_handle_scope scope;
        while (capacity < inbox->used + size)
            capacity *= 2;
        if (napi_open_handle_scope(addon->env, &scope) != napi_ok)
            return NULL;
        bool is_open = inbox_open(addon, inbox, capacity);
        napi_close_handle_scope(addon->env, scope);
        if (!is_open)
            return NULL;
    }
    uint8_t *place = inbox->base + inbox->used;
    inbox->used += size;
    return place;
}

static bool is_ascii(const uint8_t *data, size_t length) {
    uint64_t word, seen = 0;
    while (length >= 8) {
        memcpy(&word, data, 8);
        seen |= word;
        data += 8;
        length -= 8;
    }
    while (length--)
        seen |= (uint64_t)*data++ << 56;
    return (seen & 0x8080808080808080u) == 0;
}

static uint32_t *grown(uint32_t *list, uint32_t count, uint32_t *capacity) {
    if (count < *capacity)
        return list;
    uint32_t wanted = *capacity ? *capacity * 2 : 64;
    uint32_t *larger = realloc(list, wanted * sizeof *larger);
    if (larger)
        *capacity = wanted;
    return larger;
}

/* The index of an event's connection; one that opens gets one. Who only asks is named by its id. */
static uint32_t index_of(struct addon *addon, const hearth_event *event) {
    uint32_t index = (uint32_t)(uintptr_t)event->connection_context;
    if (index || event->type != HEARTH_EVENT_OPEN)
        return index;
    if (addon->free_count) {
        index = addon->free_indices[--addon->free_count];
    } else {
        if (addon->connections_count == addon->connections_capacity) {
            uint32_t capacity = addon->connections_capacity ? addon->connections_capacity * 2 : 64;
            hearth_connection *larger = realloc(addon->connections, capacity * sizeof *larger);
            if (!larger)
                return 0;
            addon->connections = larger;
            addon->connections_capacity = capacity;
        }
        if (addon->connections_count == 0)
            addon->connections[addon->connections_count++] = 0;
        index = addon->connections_count++;
    }
    addon->connections[index] = event->connection;
    hearth_connection_set_context(event->connection, (void *)(uintptr_t)index);
    return index;
}

static void note_closing(struct addon *addon, uint32_t index) {
    uint32_t *list = grown(addon->closing, addon->closing_count, &addon->closing_capacity);
    if (!index || !list)
        return;
    addon->closing = list;
    addon->closing[addon->closing_count++] = index;
}

/* The info of a record, as the comment above says. Returns its length; writes nothing if place is NULL. */
static size_t pack_info(const hearth_event *event, uint8_t *place) {
    const char *parts[] = {event->method, event->query, event->address, event->headers, event->captures};
    size_t lengths[] = {event->method_length, event->query_length, event->address_length,
                        event->headers_length, event->captures_length};
    size_t length = 5 * sizeof(uint32_t);
    switch (event->type) {
    case HEARTH_EVENT_CONNECT:
    case HEARTH_EVENT_OPEN:
    case HEARTH_EVENT_HTTP_REQUEST:
        break;
    case HEARTH_EVENT_USER_JOINED:
    case HEARTH_EVENT_USER_LEFT:
    case HEARTH_EVENT_PRESENCE_UPDATED:
        if (place)
            memcpy(place, &event->presence_version, sizeof event->presence_version);
        return sizeof event->presence_version;
    case HEARTH_EVENT_CLIENT_STATE:
    case HEARTH_EVENT_CLIENT_PREPARE:
    case HEARTH_EVENT_CLIENT_SENT:
    case HEARTH_EVENT_CLIENT_DROPPED: {
        uint32_t words[8] = {event->state,
                             event->attempt,
                             (uint32_t)event->error,
                             event->status,
                             (uint32_t)event->delay_ms,
                             (uint32_t)(event->delay_ms >> 32),
                             (uint32_t)event->message,
                             (uint32_t)(event->message >> 32)};
        if (place)
            memcpy(place, words, sizeof words);
        return sizeof words;
    }
    case HEARTH_EVENT_CHANNEL_SEND:
        for (size_t index = 0; place && index < event->connections_length; index++) {
            uint32_t number = (uint32_t)(uintptr_t)hearth_connection_context(event->connections[index]);
            memcpy(place + index * sizeof number, &number, sizeof number);
        }
        return event->connections_length * sizeof(uint32_t);
    default:
        return 0;
    }
    for (int part = 0; part < 5; part++) {
        uint32_t count = (uint32_t)lengths[part];
        if (place) {
            memcpy(place + part * sizeof count, &count, sizeof count);
            if (count)
                memcpy(place + length, parts[part], count);
        }
        length += count;
    }
    return length;
}

struct span {
    const char *bytes;
    size_t length;
};

/* Room and user, or what stands in their places. */
static void names_of(const hearth_event *event, struct span names[2]) {
    names[0] = (struct span){event->room, event->room_length};
    names[1] = (struct span){event->user, event->user_length};
    if (event->event_name)
        names[0] = (struct span){event->event_name, event->event_name_length};
    if (event->client) {
        names[0] = (struct span){event->headers, event->headers_length};
        names[1] = (struct span){event->address, event->address_length};
    }
}

static uint8_t *put(uint8_t *place, const void *data, size_t length) {
    if (length)
        memcpy(place, data, length);
    return place + length;
}

static void go_on(uv_idle_t *pending) {
    (void)pending;
}

static void is_added(struct addon *addon) {
    if (addon->is_dispatching)
        return;
    if (!uv_is_active((uv_handle_t *)&addon->pending))
        uv_idle_start(&addon->pending, go_on);
    const struct inbox *inbox = &addon->inboxes[addon->filling];
    if (inbox->used + inbox->large > INBOX_BYTES_MAX)
        addon_dispatch(addon);
}

static uint32_t make_large(struct addon *addon, const hearth_event *event, bool is_all_ascii);

void addon_on_event(void *context, const hearth_event *event) {
    const struct owner *owner = context;
    struct addon *addon = owner->addon;
    uint32_t index = index_of(addon, event), large = 0, flags = event->flags & 7u;
    size_t length = event->data_length, info = pack_info(event, NULL);
    struct span names[2];
    names_of(event, names);
    if (event->event_name)
        flags |= FLAG_NAMED;
    if (event->opcode == HEARTH_TEXT && is_ascii(event->data, length))
        flags |= FLAG_ASCII;
    if (event->opcode && length > PAYLOAD_BYTES_MAX)
        large = make_large(addon, event, (flags & FLAG_ASCII) != 0);
    size_t kept = large ? 0 : length;
    size_t size = HEADER_WORDS * sizeof(uint32_t) + kept + names[0].length + names[1].length +
                  event->path_length + info;
    size_t padded = (size + 7) & ~(size_t)7;
    uint8_t *place = reserve(addon, padded);
    if (!place)
        return;
    uint32_t words[HEADER_WORDS] = {
        (uint32_t)padded,
        event->type | flags << 8 | event->opcode << 16,
        index,
        (uint32_t)event->connection,
        (uint32_t)(event->connection >> 32),
        owner->number,
        (uint32_t)event->code,
        (uint32_t)event->route,
        (uint32_t)names[0].length,
        (uint32_t)names[1].length,
        (uint32_t)event->path_length,
        (uint32_t)info,
        (uint32_t)length,
        (uint32_t)event->time_ms,
        (uint32_t)(event->time_ms >> 32),
        large,
    };
    uint8_t *next = put(place, words, sizeof words);
    next = put(next, event->data, kept);
    next = put(next, names[0].bytes, names[0].length);
    next = put(next, names[1].bytes, names[1].length);
    next = put(next, event->path, event->path_length);
    pack_info(event, next);
    if (event->type == HEARTH_EVENT_CLOSE)
        note_closing(addon, index);
    is_added(addon);
}

void addon_on_log(void *context, const hearth_log_entry *entry) {
    struct addon *addon = context;
    size_t length = strlen(entry->message), area = strlen(entry->area);
    size_t size = HEADER_WORDS * sizeof(uint32_t) + length + area + entry->fields_length;
    size_t padded = (size + 7) & ~(size_t)7;
    uint8_t *place = reserve(addon, padded);
    if (!place)
        return;
    uint32_t words[HEADER_WORDS] = {[0] = (uint32_t)padded,
                                    [1] = TYPE_LOG,
                                    [5] = OWNER_IS_LOG,
                                    [6] = entry->level,
                                    [8] = (uint32_t)area,
                                    [11] = (uint32_t)entry->fields_length,
                                    [12] = (uint32_t)length,
                                    [13] = (uint32_t)entry->time_ms,
                                    [14] = (uint32_t)(entry->time_ms >> 32)};
    uint8_t *next = put(place, words, sizeof words);
    next = put(next, entry->message, length);
    next = put(next, entry->area, area);
    put(next, entry->fields, entry->fields_length);
    is_added(addon);
}

/* --------------------------------------------------------------- large payloads */

static void free_payload(napi_env env, void *data, void *hint) {
    (void)env, (void)hint;
    free(data);
}

/* Bytes as a Buffer around a copy of them; where a runtime keeps all memory in a cage of its own, in it. */
static napi_status make_buffer(napi_env env, const uint8_t *data, size_t length, napi_value *buffer) {
    void *copy = malloc(length);
    if (!copy)
        return napi_generic_failure;
    memcpy(copy, data, length);
    if (napi_create_external_buffer(env, length, copy, free_payload, NULL, buffer) == napi_ok)
        return napi_ok;
    free(copy);
    return napi_create_buffer_copy(env, length, data, NULL, buffer);
}

/* Gives a payload to JavaScript as a value of its own, in the list `payloads` of the engine, and answers its
 * place there. 0: it could not be, and the payload goes into the record. */
static uint32_t make_large(struct addon *addon, const hearth_event *event, bool is_all_ascii) {
    napi_env env = addon->env;
    napi_handle_scope scope;
    napi_value resource, list, value;
    napi_status status;
    uint32_t count = 0, number = 0;
    if (napi_open_handle_scope(env, &scope) != napi_ok)
        return 0;
    if (event->opcode == HEARTH_BINARY)
        status = make_buffer(env, event->data, event->data_length, &value);
    else if (is_all_ascii)
        status = napi_create_string_latin1(env, (const char *)event->data, event->data_length, &value);
    else
        status = napi_create_string_utf8(env, (const char *)event->data, event->data_length, &value);
    if (status == napi_ok && napi_get_reference_value(env, addon->resource, &resource) == napi_ok &&
        napi_get_named_property(env, resource, "payloads", &list) == napi_ok &&
        napi_get_array_length(env, list, &count) == napi_ok &&
        napi_set_element(env, list, count, value) == napi_ok)
        number = count + 1;
    napi_close_handle_scope(env, scope);
    if (number)
        addon->inboxes[addon->filling].large += event->data_length;
    return number;
}

/* -------------------------------------------------------------- to JavaScript */

static void free_closed(struct addon *addon, uint32_t count) {
    for (uint32_t position = 0; position < count; position++) {
        uint32_t index = addon->closing[position];
        uint32_t *list = grown(addon->free_indices, addon->free_count, &addon->free_capacity);
        addon->connections[index] = 0;
        if (!list)
            continue;
        addon->free_indices = list;
        addon->free_indices[addon->free_count++] = index;
    }
    memmove(addon->closing, addon->closing + count, (addon->closing_count - count) * sizeof *addon->closing);
    addon->closing_count -= count;
}

static bool call_dispatch(struct addon *addon, struct inbox *inbox) {
    napi_handle_scope scope;
    napi_value resource, function, arguments[2], result;
    if (napi_open_handle_scope(addon->env, &scope) != napi_ok)
        return false;
    bool is_called =
        napi_get_reference_value(addon->env, addon->resource, &resource) == napi_ok &&
        napi_get_reference_value(addon->env, addon->dispatch, &function) == napi_ok &&
        napi_get_reference_value(addon->env, inbox->buffer, &arguments[0]) == napi_ok &&
        napi_create_uint32(addon->env, (uint32_t)inbox->used, &arguments[1]) == napi_ok &&
        napi_make_callback(addon->env, addon->context, resource, function, 2, arguments, &result) == napi_ok;
    if (!is_called) {
        /* The dispatch function catches what handlers throw, so this comes from a tick or a microtask of
         * theirs: it is the process's to end by its own rules. */
        bool is_pending = false;
        napi_value error;
        if (napi_is_exception_pending(addon->env, &is_pending) == napi_ok && is_pending &&
            napi_get_and_clear_last_exception(addon->env, &error) == napi_ok)
            napi_fatal_exception(addon->env, error);
    }
    napi_close_handle_scope(addon->env, scope);
    return is_called;
}

/* What was large once does not stay so. */
static void empty(struct addon *addon, struct inbox *inbox) {
    napi_handle_scope scope;
    bool is_too_large = inbox->capacity > INBOX_BYTES && inbox->used <= INBOX_BYTES;
    inbox->used = inbox->large = 0;
    if (is_too_large && napi_open_handle_scope(addon->env, &scope) == napi_ok) {
        inbox_open(addon, inbox, INBOX_BYTES);
        napi_close_handle_scope(addon->env, scope);
    }
}

/* Tells JavaScript what has happened, and does what it wants to have sent. What happens meanwhile is told
 * too, but for what goes on and on: that waits for the next turn. */
void addon_dispatch(struct addon *addon) {
    if (addon->is_dispatching)
        return;
    addon->is_dispatching = true;
    for (int round = 0; round < 8 && addon->inboxes[addon->filling].used; round++) {
        struct inbox *inbox = &addon->inboxes[addon->filling];
        uint32_t closed = addon->closing_count;
        addon->filling = !addon->filling;
        call_dispatch(addon, inbox);
        empty(addon, inbox);
        addon_send_outbox(addon);
        free_closed(addon, closed);
    }
    addon->is_dispatching = false;
    addon_send_outbox(addon);
    if (addon->inboxes[addon->filling].used == 0)
        uv_idle_stop(&addon->pending);
}
