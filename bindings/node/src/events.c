/* Events from the engine to JavaScript and messages back, a batch for each turn of the loop.
 *
 * A record of an event is 12 words and its strings, one behind the other, padded to 8 bytes:
 *   0 bytes of the record    3 id, low word     6 code             9 length of user
 *   1 type | flags << 8      4 id, high word    7 route           10 length of path
 *     | opcode << 16         5 server           8 length of room  11 length of info
 *   2 index of the connection, or 0
 * with the length of the payload in word 12, the time in words 13 and 14, and the strings payload, room,
 * user, path, info from word 16 on. info: five words with the lengths of method, query, address, headers,
 * captures, then these; for events of presence, the version in two words; for events of a client, whose
 * number with the highest bit set is in word 5: state, attempt, error, status, delay and message in two
 * words each. A payload of more than 64 KiB is not in the record: word 15 is then the number of an
 * external buffer, from 1.
 *
 * A record of a message to send is 6 words and its bytes, padded to 4:
 *   0 bytes of the record, 1 kind | opcode << 8, 2 index of a connection or number of a server,
 *   3 index of the connection left out, 4 length of the name, 5 length of the payload; name, NUL, payload. */
#include "addon.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 64, OUT_HEADER_BYTES = 24, PAYLOAD_BYTES_MAX = 64 << 10 };
enum { FLAG_ASCII = 4 };
enum { OUT_SEND = 1, OUT_ROOM = 2, OUT_SERVER = 3, OUT_USER = 4 };

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

static uint8_t *put(uint8_t *place, const void *data, size_t length) {
    if (length)
        memcpy(place, data, length);
    return place + length;
}

static uint32_t make_external(struct addon *addon, const hearth_event *event);

static void go_on(uv_idle_t *pending) {
    (void)pending;
}

void addon_on_event(void *context, const hearth_event *event) {
    const struct owner *owner = context;
    struct addon *addon = owner->addon;
    uint32_t index = index_of(addon, event), external = 0;
    size_t length = event->data_length, info = pack_info(event, NULL);
    uint32_t flags = event->flags & 3u;
    if (event->type == HEARTH_EVENT_MESSAGE && length > PAYLOAD_BYTES_MAX)
        external = make_external(addon, event);
    if (event->opcode == HEARTH_TEXT && is_ascii(event->data, length))
        flags |= FLAG_ASCII;
    size_t kept = external ? 0 : length;
    size_t size = HEADER_BYTES + kept + event->room_length + event->user_length + event->path_length + info;
    size_t padded = (size + 7) & ~(size_t)7;
    uint8_t *place = reserve(addon, padded);
    if (!place)
        return;
    uint32_t words[16] = {
        (uint32_t)padded,
        event->type | flags << 8 | event->opcode << 16,
        index,
        (uint32_t)event->connection,
        (uint32_t)(event->connection >> 32),
        owner->number,
        (uint32_t)event->code,
        (uint32_t)event->route,
        (uint32_t)event->room_length,
        (uint32_t)event->user_length,
        (uint32_t)event->path_length,
        (uint32_t)info,
        (uint32_t)length,
        (uint32_t)event->time_ms,
        (uint32_t)(event->time_ms >> 32),
        external,
    };
    memcpy(place, words, sizeof words);
    uint8_t *next = put(place + HEADER_BYTES, event->data, kept);
    next = put(next, event->room, event->room_length);
    next = put(next, event->user, event->user_length);
    next = put(next, event->path, event->path_length);
    pack_info(event, next);
    if (event->type == HEARTH_EVENT_CLOSE)
        note_closing(addon, index);
    if (!addon->is_dispatching && !uv_is_active((uv_handle_t *)&addon->pending))
        uv_idle_start(&addon->pending, go_on);
    if (addon->inboxes[addon->filling].used > INBOX_BYTES_MAX && !addon->is_dispatching)
        addon_dispatch(addon);
}

/* --------------------------------------------------------------- large payloads */

static void free_payload(napi_env env, void *data, void *hint) {
    (void)env, (void)hint;
    free(data);
}

/* Gives a payload to JavaScript as a Buffer of its own, in the array that the dispatch function is called
 * with. 0: it could not be, and the payload goes into the record. */
static uint32_t make_external(struct addon *addon, const hearth_event *event) {
    uint32_t number = 0;
    napi_handle_scope scope;
    napi_value resource, list, buffer;
    void *copy = malloc(event->data_length);
    if (!copy || napi_open_handle_scope(addon->env, &scope) != napi_ok) {
        free(copy);
        return 0;
    }
    memcpy(copy, event->data, event->data_length);
    if (napi_get_reference_value(addon->env, addon->resource, &resource) == napi_ok &&
        napi_get_named_property(addon->env, resource, "payloads", &list) == napi_ok) {
        napi_status status =
            napi_create_external_buffer(addon->env, event->data_length, copy, free_payload, NULL, &buffer);
        if (status != napi_ok) {
            /* Runtimes that keep all memory in a cage of theirs: it has to be copied. */
            status = napi_create_buffer_copy(addon->env, event->data_length, copy, NULL, &buffer);
            free(copy);
        }
        copy = NULL;
        uint32_t count = 0;
        if (status == napi_ok && napi_get_array_length(addon->env, list, &count) == napi_ok &&
            napi_set_element(addon->env, list, count, buffer) == napi_ok)
            number = count + 1;
    }
    free(copy);
    napi_close_handle_scope(addon->env, scope);
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
        inbox->used = 0;
        addon_send_outbox(addon);
        free_closed(addon, closed);
    }
    addon->is_dispatching = false;
    addon_send_outbox(addon);
    if (addon->inboxes[addon->filling].used == 0)
        uv_idle_stop(&addon->pending);
}

/* --------------------------------------------------------------- and back */

static void send_record(struct addon *addon, const uint8_t *record, const uint32_t *words) {
    uint32_t kind = words[1] & 0xFF, opcode = words[1] >> 8, target = words[2], left_out = words[3];
    const char *name = (const char *)record + OUT_HEADER_BYTES;
    const uint8_t *payload = record + OUT_HEADER_BYTES + words[4] + 1;
    size_t length = words[5];
    hearth_except except = {.size = sizeof except};
    if (left_out && left_out < addon->connections_count)
        except.connection = addon->connections[left_out];
    if (kind == OUT_SEND) {
        if (target < addon->connections_count)
            hearth_connection_send(addon->connections[target], opcode, payload, length);
        return;
    }
    hearth_server *server = target < addon->servers_count ? addon->servers[target] : NULL;
    if (kind == OUT_ROOM)
        hearth_room_broadcast(server, name, opcode, payload, length, &except);
    else if (kind == OUT_SERVER)
        hearth_server_broadcast(server, opcode, payload, length, &except);
    else if (kind == OUT_USER)
        hearth_user_send(server, name, opcode, payload, length, &except);
}

void addon_send_outbox(struct addon *addon) {
    uint32_t used;
    memcpy(&used, addon->outbox, sizeof used);
    if (used <= sizeof used)
        return;
    /* What is sent may have events for a consequence, never calls of JavaScript: it cannot grow meanwhile. */
    uint32_t empty = sizeof used, offset = sizeof used;
    while (offset + OUT_HEADER_BYTES <= used && used <= OUTBOX_BYTES) {
        uint32_t words[6];
        memcpy(words, addon->outbox + offset, sizeof words);
        if (words[0] < OUT_HEADER_BYTES || words[0] > used - offset ||
            (uint64_t)words[4] + words[5] + OUT_HEADER_BYTES + 1 > words[0])
            break;
        send_record(addon, addon->outbox + offset, words);
        offset += words[0];
    }
    memcpy(addon->outbox, &empty, sizeof empty);
}
