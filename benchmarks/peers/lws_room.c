/* libwebsockets as a peer of the benchmarks: echoes on /echo and relays in /room/NAME.
 * lws_room PORT */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message, shared by all who have to send it. */
struct message {
    int users, is_binary;
    size_t length;
    unsigned char bytes[];
};

struct waiting {
    struct waiting *next;
    struct message *message;
};

struct session {
    struct session *next; /* in its room */
    struct lws *socket;
    struct room *room; /* without one it gets its own messages back */
    struct waiting *first, **end;
    unsigned char *input;
    size_t count;
};

struct room {
    struct room *next;
    struct session *members;
    char name[256];
};

static struct room *rooms[4096];

static struct room *find_room(const char *name) {
    unsigned hash = 5381;
    for (const char *at = name; *at; at++)
        hash = hash * 33 + (unsigned char)*at;
    struct room **place = &rooms[hash % 4096], *room;
    for (room = *place; room; room = room->next)
        if (strncmp(room->name, name, sizeof room->name - 1) == 0)
            return room;
    room = calloc(1, sizeof *room);
    snprintf(room->name, sizeof room->name, "%s", name);
    room->next = *place;
    return *place = room;
}

static void queue(struct session *session, struct message *message) {
    struct waiting *waiting = malloc(sizeof *waiting);
    waiting->message = message;
    waiting->next = NULL;
    message->users++;
    *session->end = waiting;
    session->end = &waiting->next;
    lws_callback_on_writable(session->socket);
}

static void drop_first(struct session *session) {
    struct waiting *waiting = session->first;
    session->first = waiting->next;
    if (!session->first)
        session->end = &session->first;
    if (--waiting->message->users == 0)
        free(waiting->message);
    free(waiting);
}

static void deliver(struct session *session) {
    struct message *message = malloc(sizeof *message + LWS_PRE + session->count);
    message->users = 1;
    message->is_binary = lws_frame_is_binary(session->socket);
    message->length = session->count;
    memcpy(message->bytes + LWS_PRE, session->input, session->count);
    session->count = 0;
    if (!session->room)
        queue(session, message);
    for (struct session *member = session->room ? session->room->members : NULL; member;
         member = member->next)
        queue(member, message);
    if (--message->users == 0)
        free(message);
}

static int on_event(struct lws *socket, enum lws_callback_reasons reason, void *user, void *bytes,
                    size_t count) {
    struct session *session = user;
    char path[256];
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        memset(session, 0, sizeof *session);
        session->socket = socket;
        session->end = &session->first;
        if (lws_hdr_copy(socket, path, sizeof path, WSI_TOKEN_GET_URI) <= 0)
            return -1;
        if (strncmp(path, "/room/", 6) == 0) {
            session->room = find_room(path + 6);
            session->next = session->room->members;
            session->room->members = session;
        }
        return 0;
    case LWS_CALLBACK_RECEIVE:
        session->input = realloc(session->input, session->count + count + 1);
        memcpy(session->input + session->count, bytes, count);
        session->count += count;
        if (lws_is_final_fragment(socket) && lws_remaining_packet_payload(socket) == 0)
            deliver(session);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (!session->first)
            return 0;
        struct message *message = session->first->message;
        if (lws_write(socket, message->bytes + LWS_PRE, message->length,
                      message->is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT) < 0)
            return -1;
        drop_first(session);
        if (session->first)
            lws_callback_on_writable(socket);
        return 0;
    case LWS_CALLBACK_CLOSED:
        for (struct session **place = session->room ? &session->room->members : NULL; place && *place;
             place = &(*place)->next)
            if (*place == session) {
                *place = session->next;
                break;
            }
        while (session->first)
            drop_first(session);
        free(session->input);
        return 0;
    default:
        return 0;
    }
}

int main(int count, char **arguments) {
    static const struct lws_protocols protocols[] = {{.name = "room",
                                                      .callback = on_event,
                                                      .per_session_data_size = sizeof(struct session),
                                                      .rx_buffer_size = 65536},
                                                     {0}};
    struct lws_context_creation_info info = {.port = count > 1 ? atoi(arguments[1]) : 0,
                                             .iface = "127.0.0.1",
                                             .protocols = protocols,
                                             .pt_serv_buf_size = 65536};
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(&info);
    while (context && lws_service(context, 0) >= 0)
        ;
    return 1;
}
