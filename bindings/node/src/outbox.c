/* Messages from JavaScript, a batch for each turn of the loop.
 *
 * A record is 6 words and its bytes, padded to 4:
 *   0 bytes of the record, 1 kind | opcode << 8, 2 index of a connection or number of a server,
 *   3 index of the connection left out, 4 length of the name, 5 length of the payload; name, NUL, payload.
 * The name, of a room or a user, may have a NUL and the user that is left out behind it. With the opcode
 * EVENT the payload is the event's name, a NUL and its data. */
#include "addon.h"
#include <string.h>

enum { OUT_HEADER_BYTES = 24 };
enum { TO_CONNECTION = 1, TO_ROOM = 2, TO_SERVER = 3, TO_USER = 4 };
enum { EVENT = 3 };

static int64_t send_event(uint32_t kind, hearth_server *server, hearth_connection connection,
                          const char *name, const uint8_t *payload, size_t length,
                          const hearth_except *except) {
    const uint8_t *end = memchr(payload, 0, length);
    if (!end)
        return HEARTH_ERR_INVALID;
    const char *event = (const char *)payload;
    size_t data_length = length - (size_t)(end + 1 - payload);
    const void *data = data_length ? end + 1 : NULL;
    switch (kind) {
    case TO_CONNECTION:
        return hearth_connection_send_event(connection, event, data, data_length);
    case TO_ROOM:
        return hearth_room_send_event(server, name, event, data, data_length, except);
    case TO_SERVER:
        return hearth_server_send_event(server, event, data, data_length, except);
    case TO_USER:
        return hearth_user_send_event(server, name, event, data, data_length, except);
    default:
        return HEARTH_ERR_INVALID;
    }
}

/* Does what a record says; words and name as above, the name NUL-terminated. */
int64_t addon_send(struct addon *addon, const uint32_t *words, const char *name, const uint8_t *payload) {
    uint32_t kind = words[1] & 0xFF, opcode = words[1] >> 8, target = words[2], left_out = words[3];
    hearth_connection connection = 0;
    hearth_server *server = NULL;
    hearth_except except = {.size = sizeof except};
    if (kind == TO_CONNECTION)
        connection = target < addon->connections_count ? addon->connections[target] : 0;
    else if (target < addon->servers.count && addon->servers.owners[target])
        server = addon->servers.owners[target]->object;
    if (left_out && left_out < addon->connections_count)
        except.connection = addon->connections[left_out];
    size_t end = strlen(name);
    if (end < words[4])
        except.user = name + end + 1;
    if (opcode == EVENT)
        return send_event(kind, server, connection, name, payload, words[5], &except);
    switch (kind) {
    case TO_CONNECTION:
        return hearth_connection_send(connection, opcode, payload, words[5]);
    case TO_ROOM:
        return hearth_room_broadcast(server, name, opcode, payload, words[5], &except);
    case TO_SERVER:
        return hearth_server_broadcast(server, opcode, payload, words[5], &except);
    case TO_USER:
        return hearth_user_send(server, name, opcode, payload, words[5], &except);
    default:
        return HEARTH_ERR_INVALID;
    }
}

void addon_send_outbox(struct addon *addon) {
    uint32_t used;
    memcpy(&used, addon->outbox, sizeof used);
    if (used <= sizeof used)
        return;
    uint32_t empty = sizeof used, offset = sizeof used;
    /* What is sent may have events for a consequence. JavaScript, which would send more, gets them later. */
    bool was_dispatching = addon->is_dispatching;
    addon->is_dispatching = true;
    while (offset + OUT_HEADER_BYTES <= used && used <= OUTBOX_BYTES) {
        uint32_t words[6];
        uint8_t *record = addon->outbox + offset;
        memcpy(words, record, sizeof words);
        if (words[0] < OUT_HEADER_BYTES || words[0] > used - offset ||
            (uint64_t)words[4] + words[5] + OUT_HEADER_BYTES + 1 > words[0])
            break;
        addon_send(addon, words, (char *)record + OUT_HEADER_BYTES, record + OUT_HEADER_BYTES + words[4] + 1);
        offset += words[0];
    }
    memcpy(addon->outbox, &empty, sizeof empty);
    addon->is_dispatching = was_dispatching;
}
