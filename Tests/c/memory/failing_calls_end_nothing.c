/* In a session of each kind every n-th allocation fails, alone and with those after it, and every n-th of
 * each system call of the library: the process goes on, nothing hangs, nothing is kept, every call answers
 * success or an error, and once the failure is over the library serves again. With KIND alone some n are
 * tried, with KIND all every n.
 * Variants: setup handshake echo broadcast drain client tls token cluster */
#include "fault.h"
#include "redis.h"
#include "token.h"

enum { PATIENCE_MS = 5000 };

static struct redis redis;
static struct fault_world {
    hearth_config *config;
    hearth_engine *engine;
    hearth_server *server;
    hearth_client *client;
    int port, opens, messages, ends, stops, states, states_open;
} worlds[2];

static void note(void *context, const hearth_event *event) {
    struct fault_world *world = context;
    if (event->type == HEARTH_EVENT_MESSAGE && !event->client)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
    __atomic_fetch_add(event->type == HEARTH_EVENT_OPEN             ? &world->opens
                       : event->type == HEARTH_EVENT_MESSAGE        ? &world->messages
                       : event->type == HEARTH_EVENT_SERVER_STOPPED ? &world->stops
                                                                    : &world->ends,
                       1, __ATOMIC_SEQ_CST);
    if (event->type == HEARTH_EVENT_CLIENT_STATE) {
        int is_over = event->state == HEARTH_CLIENT_GAVE_UP || event->state == HEARTH_CLIENT_CLOSED;
        if (event->state == HEARTH_CLIENT_OPEN)
            __atomic_store_n(&world->states_open, 1, __ATOMIC_SEQ_CST);
        if (is_over)
            __atomic_store_n(&world->states, 1, __ATOMIC_SEQ_CST);
    }
}

/* Waits until one of two numbers is that large. Answers whether it is. */
static int wait_for(int *number, int wanted, int *other) {
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (__atomic_load_n(number, __ATOMIC_SEQ_CST) >= wanted)
            return 1;
        if (other && __atomic_load_n(other, __ATOMIC_SEQ_CST))
            return 1;
        usleep(1000);
    }
    return 0;
}

/* Answers whether all calls succeeded; what was made is freed by take_down. An error is that of a lack. */
static int set_up(struct fault_world *world, const char *settings) {
    char copy[1024], *rest = copy, *setting;
    int status = 0;
    snprintf(copy, sizeof copy, "listen=127.0.0.1:0 compression=on %s", settings);
    if (!(world->config = LIBRARY(hearth_config_new())))
        return 0;
    while ((setting = strsep(&rest, " "))) {
        char *value = strchr(setting, '=');
        if (!value)
            continue;
        *value = 0;
        if ((status = LIBRARY(hearth_config_set(world->config, setting, value + 1))) < 0)
            return fault_note(status), 0;
    }
    if (!(world->engine = LIBRARY(hearth_engine_new(world->config))))
        return 0;
    if (!(world->server = LIBRARY(hearth_server_new(world->engine, world->config))))
        return 0;
    const char *options = "join=auto,relay=all,event=on";
    if ((status = LIBRARY(hearth_server_route(world->server, "/{room}", options))) < 0 ||
        (status = LIBRARY(hearth_server_on_event(world->server, note, world))) < 0 ||
        (status = LIBRARY(hearth_server_start(world->server))) < 0 ||
        (status = LIBRARY(hearth_engine_start(world->engine))) < 0)
        return fault_note(status), 0;
    world->port = LIBRARY(hearth_server_port(world->server));
    return world->port > 0;
}

static void take_down(struct fault_world *world) {
    if (world->engine)
        FAULT_CHECK(LIBRARY(hearth_engine_free(world->engine)) == HEARTH_OK);
    if (world->config)
        LIBRARY((hearth_config_free(world->config), 0));
    memset(world, 0, sizeof *world);
}

/* Opens, sends n messages, takes what comes and closes. Answers whether all of it succeeded. */
static int talk(int port, const char *path, const char *fields, int messages) {
    char text[201];
    memset(text, 'a', 200);
    text[200] = 0;
    int fd = fault_connect(port), is_whole = 0;
    if (fd < 0)
        return 0;
    if (fault_upgrade(fd, path, fields) == 101) {
        is_whole = 1;
        for (int i = 0; i < messages && is_whole; i++)
            is_whole = fault_send_text(fd, text) && fault_receive(fd) > 0 && fault_receive(fd) > 0;
        /* One whose message comes in two parts. */
        if (messages > 1 && is_whole)
            is_whole = fault_send_parts(fd) && fault_receive(fd) > 0;
    }
    fault_hang_up(fd);
    return is_whole;
}

static void with_compression(int port, int messages) {
    const char *offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = fault_connect(port);
        if (fds[i] >= 0 && fault_upgrade(fds[i], "/room", offer) != 101) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
    for (int i = 0; i < messages && fds[0] >= 0; i++)
        if (!fault_send_compressed(fds[0]) || fault_receive(fds[0]) <= 0)
            break;
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            fault_hang_up(fds[i]);
}

static void with_client(struct fault_world *world, int is_secure) {
    char url[64];
    int64_t sent;
    hearth_config *config = LIBRARY(hearth_config_new());
    if (!config)
        return;
    snprintf(url, sizeof url, "%s://127.0.0.1:%d/room", is_secure ? "wss" : "ws", world->port);
    int status = LIBRARY(hearth_config_set(config, "url", url));
    if (status == HEARTH_OK)
        status = LIBRARY(hearth_config_set(config, "reconnect_enabled", "off"));
    if (status == HEARTH_OK && is_secure)
        status = LIBRARY(hearth_config_set(config, "tls_insecure_skip_verification", "on"));
    fault_note(status);
    world->client = status == HEARTH_OK ? LIBRARY(hearth_client_new(world->engine, config)) : NULL;
    LIBRARY((hearth_config_free(config), 0));
    if (!world->client)
        return;
    fault_note(status = LIBRARY(hearth_client_on_event(world->client, note, world)));
    if (status == HEARTH_OK)
        fault_note(status = LIBRARY(hearth_client_open(world->client)));
    if (status == HEARTH_OK) {
        FAULT_CHECK(wait_for(&world->states_open, 1, &world->states));
        for (int i = 0; i < 3; i++)
            if ((sent = LIBRARY(hearth_client_send(world->client, 1, "hello", 5, 0))) < 0)
                fault_note((int)sent);
        if (!world->states)
            usleep(3000);
    }
}

static int is_kind(const char *kind, const char *other) {
    return strcmp(kind, other) == 0;
}

static void across_nodes(const char *settings) {
    struct fault_world *other = &worlds[1];
    if (!set_up(other, settings))
        return;
    talk(worlds[0].port, "/room", "", 1);
    for (int i = 0; i < 5; i++) {
        LIBRARY(hearth_room_broadcast(other->server, "room", 1, "across", 6, 0));
        usleep(3000);
    }
}

static void with_end(struct fault_world *world) {
    int fd = fault_connect(world->port);
    if (fd >= 0)
        fault_upgrade(fd, "/room", "");
    int status = LIBRARY(hearth_server_stop(world->server, "bye"));
    fault_note(status);
    while (fd >= 0 && fault_receive(fd) > 0)
        continue;
    if (fd >= 0)
        fault_hang_up(fd);
    if (status == HEARTH_OK)
        FAULT_CHECK(wait_for(&world->stops, 1, NULL));
}

static void do_what_it_is_for(const char *kind, struct fault_world *world, const char *settings) {
    char field[4200];
    if (is_kind(kind, "handshake"))
        talk(world->port, "/room", "", 0);
    else if (is_kind(kind, "echo"))
        talk(world->port, "/room", "", 3);
    else if (is_kind(kind, "broadcast"))
        with_compression(world->port, 3);
    else if (is_kind(kind, "client") || is_kind(kind, "tls"))
        with_client(world, is_kind(kind, "tls"));
    else if (is_kind(kind, "token")) {
        snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token_for("ada", 60, ""));
        talk(world->port, "/room", field, 1);
    } else if (is_kind(kind, "cluster"))
        across_nodes(settings);
    else if (is_kind(kind, "drain"))
        with_end(world);
}

static void expect_service(int port) {
    int is_served = 0;
    for (int i = 0; i < 100 && !is_served; i++) {
        is_served = talk(port, "/after", "", 2);
        if (!is_served)
            usleep(10000);
    }
    FAULT_CHECK(is_served);
}

static void session(const char *kind) {
    struct fault_world *world = &worlds[0];
    char settings[512] = "";
    int is_armed_late = is_kind(kind, "handshake") || is_kind(kind, "echo") || is_kind(kind, "broadcast") ||
                        is_kind(kind, "drain");
    if (is_kind(kind, "token"))
        snprintf(settings, sizeof settings, "auth=required " TOKEN_SETTINGS);
    if (is_kind(kind, "tls"))
        snprintf(settings, sizeof settings, "tls_certificate=%s/both.pem", TLS_FOLDER);
    if (is_kind(kind, "cluster"))
        snprintf(settings, sizeof settings, "redis_url=redis://127.0.0.1:%d/", redis.port);
    if (!is_armed_late)
        fault_arm();
    if (set_up(world, settings)) {
        fault_arm();
        do_what_it_is_for(kind, world, settings);
        fault_disarm();
        if (!is_kind(kind, "token") && !is_kind(kind, "tls") && !is_kind(kind, "drain"))
            expect_service(world->port);
    }
    fault_disarm();
    take_down(&worlds[1]);
    take_down(world);
}

int main(int count, char **arguments) {
    CHECK(count >= 2);
    int is_whole = count > 2 && strcmp(arguments[2], "all") == 0;
    if (strcmp(arguments[1], "cluster") == 0)
        redis_start(&redis);
    int failed = fault_run(arguments[1], session, is_whole);
    if (redis.port)
        redis_kill(&redis);
    return failed;
}
