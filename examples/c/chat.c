/* chat-c [PORT]: the chat that examples/chat/PROTOCOL.md describes, with its page at http://127.0.0.1:8080/.
 * SIGTERM or SIGINT stop it politely. */
#include <ctype.h>
#include <hearth.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128
#define TEXT_MAX 500

/* A text that grows as JSON is written into it. */
struct text {
    char *bytes;
    size_t length, capacity;
};

static uint64_t last_message;

static void add(struct text *text, const char *bytes, size_t length) {
    if (text->length + length > text->capacity) {
        text->capacity = (text->length + length) * 2;
        text->bytes = realloc(text->bytes, text->capacity);
        if (!text->bytes)
            abort();
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static void add_text(struct text *text, const char *string) {
    add(text, string, strlen(string));
}

static void add_number(struct text *text, uint64_t number) {
    char digits[24];
    add(text, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number));
}

static void add_string(struct text *text, const char *bytes, size_t length) {
    add(text, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        char escape[8];
        if (byte == '"' || byte == '\\')
            add(text, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", byte));
        else if (byte < 0x20)
            add(text, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", byte));
        else
            add(text, bytes + i, 1);
    }
    add(text, "\"", 1);
}

static void add_member(struct text *text, const char *name, const char *value, size_t length) {
    add_text(text, ",\"");
    add_text(text, name);
    add_text(text, "\":");
    add_string(text, value, length);
}

/* The names in a list that the engine gives, each ended by a NUL; the caller frees it. */
static char *names_of(hearth_server *server, const char *room, int64_t *length) {
    *length = room ? hearth_room_users(server, room, NULL, 0) : hearth_server_rooms(server, NULL, 0);
    char *names = malloc((size_t)*length + 1);
    if (!names)
        abort();
    int64_t again = room ? hearth_room_users(server, room, names, (size_t)*length)
                         : hearth_server_rooms(server, names, (size_t)*length);
    if (again < *length)
        *length = again;
    return names;
}

/* {"type":…,"name":…,"time":…,"users":[…]: everything but what is the type's own. */
static void add_presence(struct text *text, const char *type, const hearth_event *event) {
    int64_t length, count = 0;
    char *names = names_of(event->server, event->room, &length);
    add_text(text, "{\"type\":");
    add_string(text, type, strlen(type));
    add_member(text, "room", event->room, event->room_length);
    add_member(text, "name", event->user, event->user_length);
    add_text(text, ",\"time\":");
    add_number(text, event->time_ms);
    add_text(text, ",\"users\":[");
    for (char *name = names; name < names + length; name += strlen(name) + 1) {
        add_text(text, count++ ? "," : "");
        add_string(text, name, strlen(name));
    }
    add_text(text, "]}");
    free(names);
}

/* To everyone in the room, but not to the user except, if that is not NULL. */
static void tell_room(hearth_server *server, const char *room, struct text *text, const char *except) {
    hearth_except left_out = {.size = sizeof left_out, .user = except};
    hearth_room_broadcast(server, room, HEARTH_TEXT, text->bytes, text->length, &left_out);
}

static void tell_rooms(hearth_server *server) {
    struct text text = {0};
    int64_t length, count = 0;
    char *rooms = names_of(server, NULL, &length);
    add_text(&text, "{\"type\":\"rooms\",\"rooms\":[");
    for (char *room = rooms; room < rooms + length; room += strlen(room) + 1) {
        int64_t users_length, people = 0;
        char *users = names_of(server, room, &users_length);
        for (char *user = users; user < users + users_length; user += strlen(user) + 1)
            people++;
        free(users);
        add_text(&text, count++ ? ",{\"name\":" : "{\"name\":");
        add_string(&text, room, strlen(room));
        add_text(&text, ",\"count\":");
        add_number(&text, (uint64_t)people);
        add_text(&text, "}");
    }
    add_text(&text, "]}");
    hearth_server_broadcast(server, HEARTH_TEXT, text.bytes, text.length, NULL);
    free(rooms);
    free(text.bytes);
}

/* The value of a query parameter, percent-decoded, into buffer; 0 if it is missing or does not fit. */
static int parameter(const char *query, const char *name, char *buffer, size_t capacity) {
    size_t name_length = strlen(name), length = 0;
    for (const char *at = query; at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL) {
        if (strncmp(at, name, name_length) != 0 || at[name_length] != '=')
            continue;
        for (at += name_length + 1; *at && *at != '&' && length + 1 < capacity; at++) {
            unsigned byte = (unsigned char)*at;
            if (byte == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) {
                sscanf(at + 1, "%2x", &byte);
                at += 2;
            }
            buffer[length++] = (char)byte;
        }
        buffer[length] = '\0';
        return (*at == '\0' || *at == '&') && strlen(buffer) == length;
    }
    return 0;
}

/* How many code points a text has that the engine took as UTF-8. */
static size_t count_characters(const char *bytes, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return count;
}

static int is_made_of(const char *text, size_t length, size_t min, size_t max, const char *others) {
    if (length < min || length > max)
        return 0;
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && (!text[i] || !strchr(others, text[i])))
            return 0;
    return 1;
}

static int is_number(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)text[i]))
            return 0;
    return length >= 1 && length <= 15;
}

static int is_name(const char *name) {
    size_t length = strlen(name), count = count_characters(name, length);
    if (count < 1 || count > 24 || name[0] == ' ' || name[length - 1] == ' ')
        return 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return 0;
    return 1;
}

/* Whether the name is held by somebody else than this visit. */
static int is_taken(hearth_server *server, const char *name, const char *visit) {
    hearth_connection holder;
    char held_by[65] = "";
    if (hearth_user_connections(server, name, &holder, 1) < 1)
        return 0;
    hearth_connection_metadata(holder, held_by, sizeof held_by - 1);
    return strcmp(held_by, visit) != 0;
}

static void admit(const hearth_event *event) {
    const char *room = hearth_event_capture(event, "room");
    char name[NAME_MAX_BYTES], unique[NAME_MAX_BYTES + 16], visit[65];
    int is_room = room && is_made_of(room, strlen(room), 1, 32, "-");
    for (const char *at = room; is_room && *at; at++)
        is_room = !isupper((unsigned char)*at);
    if (!is_room) {
        hearth_connection_reject(event->connection, 4002, "bad room");
    } else if (!parameter(event->query, "name", name, sizeof name) || !is_name(name)) {
        hearth_connection_reject(event->connection, 4001, "bad name");
    } else if (!parameter(event->query, "visit", visit, sizeof visit) ||
               !is_made_of(visit, strlen(visit), 8, 64, "-_")) {
        hearth_connection_reject(event->connection, 4003, "bad visit");
    } else {
        snprintf(unique, sizeof unique, "%s", name);
        for (unsigned number = 2; is_taken(event->server, unique, visit); number++)
            snprintf(unique, sizeof unique, "%s %u", name, number);
        hearth_connection_set_metadata(event->connection, visit, strlen(visit));
        /* A name that is no UTF-8 is the one thing that the engine refuses here. */
        if (hearth_connection_accept(event->connection, unique, NULL) != HEARTH_OK)
            hearth_connection_reject(event->connection, 4001, "bad name");
    }
}

static void refuse(const hearth_event *event, const char *code, const char *key, size_t key_length,
                   const char *message) {
    struct text text = {0};
    add_text(&text, "{\"type\":\"error\"");
    add_member(&text, "code", code, strlen(code));
    if (key_length > 0)
        add_member(&text, "key", key, key_length);
    add_member(&text, "message", message, strlen(message));
    add_text(&text, "}");
    hearth_connection_send(event->connection, HEARTH_TEXT, text.bytes, text.length);
    free(text.bytes);
}

static void say(const hearth_event *event, const char *room, const char *user, const char *rest,
                size_t length) {
    const char *colon = memchr(rest, ':', length);
    size_t key_length = colon ? (size_t)(colon - rest) : 0;
    if (!colon || !is_made_of(rest, key_length, 1, 32, "-")) {
        refuse(event, "not_understood", "", 0, "The server does not understand this.");
        return;
    }
    const char *said = colon + 1;
    size_t said_length = length - key_length - 1, blank = 0;
    while (blank < said_length && strchr(" \t\r\n", said[blank]) && said[blank])
        blank++;
    if (blank == said_length) {
        refuse(event, "empty", rest, key_length, "A message has at least one character.");
    } else if (count_characters(said, said_length) > TEXT_MAX) {
        refuse(event, "too_long", rest, key_length, "A message has at most 500 characters.");
    } else {
        struct text text = {0};
        add_text(&text, "{\"type\":\"message\",\"id\":");
        add_number(&text, ++last_message);
        add_member(&text, "key", rest, key_length);
        add_member(&text, "name", user, strlen(user));
        add_member(&text, "text", said, said_length);
        add_text(&text, ",\"time\":");
        add_number(&text, event->time_ms);
        add_text(&text, "}");
        tell_room(event->server, room, &text, NULL);
        free(text.bytes);
    }
}

static int is(const char *data, size_t length, const char *wanted) {
    return length == strlen(wanted) && memcmp(data, wanted, length) == 0;
}

static void answer(const hearth_event *event) {
    const char *data = (const char *)event->data;
    size_t length = event->opcode == HEARTH_TEXT ? event->data_length : 0;
    char room[64] = "", user[NAME_MAX_BYTES + 16] = "";
    struct text text = {0};
    hearth_connection_rooms(event->connection, room, sizeof room);
    hearth_connection_user(event->connection, user, sizeof user);
    if (length > 8 && memcmp(data, "message:", 8) == 0) {
        say(event, room, user, data + 8, length - 8);
    } else if (is(data, length, "typing:on") || is(data, length, "typing:off")) {
        add_text(&text, "{\"type\":\"typing\"");
        add_member(&text, "name", user, strlen(user));
        add_text(&text, length == 9 ? ",\"on\":true}" : ",\"on\":false}");
        tell_room(event->server, room, &text, user);
    } else if (length > 5 && memcmp(data, "ping:", 5) == 0 && is_number(data + 5, length - 5)) {
        add_text(&text, "{\"type\":\"pong\",\"n\":");
        char digits[16] = "";
        memcpy(digits, data + 5, length - 5);
        add_number(&text, strtoull(digits, NULL, 10));
        add_text(&text, "}");
        hearth_connection_send(event->connection, HEARTH_TEXT, text.bytes, text.length);
    } else {
        refuse(event, "not_understood", "", 0, "The server does not understand this.");
    }
    free(text.bytes);
}

static void on_event(void *context, const hearth_event *event) {
    struct text text = {0};
    if (event->type == HEARTH_EVENT_CONNECT)
        admit(event);
    if (event->type == HEARTH_EVENT_MESSAGE)
        answer(event);
    if (event->type == HEARTH_EVENT_JOINED) {
        add_presence(&text, "welcome", event);
        hearth_connection_send(event->connection, HEARTH_TEXT, text.bytes, text.length);
    }
    if (event->type == HEARTH_EVENT_USER_JOINED || event->type == HEARTH_EVENT_USER_LEFT) {
        add_presence(&text, event->type == HEARTH_EVENT_USER_JOINED ? "joined" : "left", event);
        tell_room(event->server, event->room, &text, event->user);
    }
    if (event->type == HEARTH_EVENT_JOINED || event->type == HEARTH_EVENT_LEFT)
        tell_rooms(event->server);
    if (event->type == HEARTH_EVENT_SERVER_STOPPED)
        hearth_engine_stop(context);
    free(text.bytes);
}

static sigset_t stop_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

static void *stop_at_signal(void *server) {
    sigset_t signals = stop_signals();
    int signal;
    sigwait(&signals, &signal);
    hearth_server_stop(server, "the server stops");
    return NULL;
}

int main(int count, char **arguments) {
    char listen[64], sentence[512] = "";
    sigset_t signals = stop_signals();
    pthread_t thread;
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    snprintf(listen, sizeof listen, "127.0.0.1:%s", count > 1 ? arguments[1] : "8080");
    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "listen", listen);
    hearth_config_set(config, "server_root", CHAT_PAGE);
    hearth_config_set(config, "max_message_size", "8KiB");
    hearth_config_set(config, "shutdown_timeout", "2s");
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    hearth_server_route(server, "/chat/{room}", "join=auto,accept=ask");
    hearth_server_on_event(server, on_event, engine);
    if (hearth_server_start(server) != HEARTH_OK) {
        hearth_engine_error(engine, sentence, sizeof sentence);
        fprintf(stderr, "chat-c: %s\n", sentence);
        return 1;
    }
    printf("http://127.0.0.1:%d/\n", hearth_server_port(server));
    fflush(stdout);
    pthread_create(&thread, NULL, stop_at_signal, server);
    pthread_detach(thread);
    hearth_engine_run(engine);
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
