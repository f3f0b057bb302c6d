/* Whatever peers send and whatever callbacks and threads call, every connection has its events in order: one
 * OPEN, one CLOSE as the last, each JOINED before its LEFT, and none out of its life. Everything is chosen by
 * fixed seeds.
 * Variants: driven threads queue */
#include "any_peer.h"
#include "driven.h"

enum {
    peers = 60,
    steps = 20000,
    steps_per_turn = 30,
    lives_max = 1 << 16,
    recent_max = 64,
    rooms = 8,
    bytes_max = 3 << 20,
    file_bytes = 700000,
};

struct life {
    hearth_connection id;
    int connects, opens, closes;
    int is_in[rooms];
};

static struct life lives[lives_max];
static hearth_connection recent[recent_max];
static pthread_mutex_t lives_lock = PTHREAD_MUTEX_INITIALIZER;
static hearth_server *server;
static char bytes[bytes_max];
static int port, is_over, fds[peers];
static long happened[16];

static struct life *life_of(hearth_connection id) {
    size_t at = (id * 0x9E3779B97F4A7C15) >> 48;
    while (lives[at].id && lives[at].id != id)
        at = (at + 1) % lives_max;
    lives[at].id = id;
    return &lives[at];
}

static void check_order(const hearth_event *event) {
    if (event->type == HEARTH_EVENT_SERVER_STOPPED || event->type == HEARTH_EVENT_HTTP_REQUEST)
        return;
    CHECK(event->connection != 0);
    struct life *life = life_of(event->connection);
    int is_known = event->room_length == 2 && event->room[0] == 'r';
    int *is_in = is_known ? &life->is_in[event->room[1] - '0'] : NULL;
    if (event->type == HEARTH_EVENT_CONNECT) {
        CHECK(life->connects++ == 0 && life->opens == 0);
    } else if (event->type == HEARTH_EVENT_OPEN) {
        CHECK(life->opens++ == 0);
    } else {
        CHECK(life->opens == 1 && life->closes == 0);
        if (event->type == HEARTH_EVENT_JOINED && is_in)
            CHECK((*is_in)++ == 0);
        if (event->type == HEARTH_EVENT_LEFT && is_in)
            CHECK((*is_in)-- == 1);
        life->closes += event->type == HEARTH_EVENT_CLOSE;
        for (int i = 0; event->type == HEARTH_EVENT_CLOSE && i < rooms; i++)
            CHECK_NUMBER(life->is_in[i], 0);
    }
}

static void ask_what_is_known(hearth_connection connection, const char *room, const char *user) {
    hearth_connection ids[20];
    hearth_connection_info info = {.size = sizeof info};
    char text[64];
    hearth_connection_rooms(connection, text, sizeof text);
    hearth_connection_user(connection, text, sizeof text);
    hearth_connection_address(connection, text, sizeof text);
    hearth_connection_get_info(connection, &info);
    hearth_room_members(server, room, ids, 20);
    hearth_user_connections(server, user, ids, 20);
    hearth_server_connections(server, ids, 20);
    hearth_room_users(server, room, text, sizeof text);
    hearth_server_rooms(server, text, sizeof text);
    hearth_server_user_count(server);
}

static void send_something(hearth_connection connection, const char *room, const char *user) {
    hearth_except except = {sizeof except, 0, connection, any(4) ? NULL : user};
    const hearth_except *leave_out = any(2) ? &except : NULL;
    size_t length = any(3) ? any(200) : any(300000);
    switch (any(6)) {
    case 0:
        hearth_connection_send(connection, HEARTH_BINARY, bytes, length);
        break;
    case 1:
        hearth_connection_send(connection, HEARTH_TEXT, "hello", 5);
        break;
    case 2:
        hearth_server_broadcast(server, HEARTH_BINARY, bytes, length, leave_out);
        break;
    case 3:
        hearth_room_broadcast(server, room, HEARTH_BINARY, bytes, length, leave_out);
        break;
    case 4:
        hearth_user_send(server, user, HEARTH_BINARY, bytes, length, leave_out);
        break;
    default:
        hearth_connection_send(connection, HEARTH_BINARY, bytes, 1 << 20);
        break;
    }
}

static void call_something(hearth_connection connection) {
    char room[8], user[8];
    snprintf(room, sizeof room, "r%u", any(rooms));
    snprintf(user, sizeof user, "u%u", any(5));
    switch (any(16)) {
    case 0:
        hearth_connection_close(connection, 1000 + (int)any(16), "x");
        break;
    case 1:
    case 2:
        hearth_connection_join(connection, room);
        break;
    case 3:
        hearth_connection_leave(connection, room);
        break;
    case 4:
    case 5:
        hearth_connection_set_user(connection, any(3) ? user : NULL);
        break;
    case 6:
        hearth_connection_set_metadata(connection, bytes, any(5000));
        break;
    case 7:
        hearth_connection_accept(connection, any(2) ? user : NULL, NULL);
        break;
    case 8:
        hearth_connection_reject(connection, any(2) ? 403 : 4001, "no");
        break;
    case 9:
        hearth_http_respond(connection, 200, "X: y\r\n", bytes, any(any(4) ? 100 : bytes_max));
        break;
    case 10:
        ask_what_is_known(connection, room, user);
        break;
    default:
        send_something(connection, room, user);
        break;
    }
}

static hearth_connection any_recent(void) {
    return __atomic_load_n(&recent[any(recent_max)], __ATOMIC_RELAXED);
}

static void on_event(void *context, const hearth_event *event) {
    static _Thread_local int depth;
    (void)context;
    __atomic_store_n(&recent[any(recent_max)], event->connection, __ATOMIC_RELAXED);
    pthread_mutex_lock(&lives_lock);
    happened[event->type]++;
    check_order(event);
    pthread_mutex_unlock(&lives_lock);
    if (depth > 2)
        return;
    depth++;
    if (event->type == HEARTH_EVENT_HTTP_REQUEST && any(4))
        hearth_http_respond(event->connection, 200, NULL, bytes, any(any(4) ? 10 : 2000000));
    if (event->type == HEARTH_EVENT_CONNECT && any(3))
        hearth_connection_accept(event->connection, any(2) ? "u1" : NULL, NULL);
    for (unsigned calls = any(3); calls > 0; calls--)
        call_something(any(3) ? event->connection : any_recent());
    depth--;
}

static void *call_from_elsewhere(void *context) {
    (void)context;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        call_something(any_recent());
        usleep(any(2000));
    }
    return NULL;
}

static void turn(struct world *world, const char *variant) {
    hearth_event events[16];
    int is_driven = strcmp(variant, "driven") == 0, is_queued = strcmp(variant, "queue") == 0;
    int64_t count = 0;
    if (is_driven || is_queued)
        count = hearth_engine_poll(world->engine, events, sizeof(hearth_event), 16, is_queued);
    CHECK(count >= 0);
    for (int64_t i = 0; i < count; i++)
        on_event(NULL, &events[i]);
    if (is_driven && any(10) == 0)
        call_something(any_recent());
    if (is_driven && any(20) == 0)
        CHECK_NUMBER(hearth_engine_flush(world->engine), HEARTH_OK);
    if (!is_driven && !is_queued)
        usleep(1000);
}

static void act(struct world *world, const char *variant) {
    for (int i = 0; i < peers; i++)
        fds[i] = -1;
    for (int step = 0; step < steps; step++) {
        act_as_peer(&fds[any(peers)], port);
        if (step % steps_per_turn == 0)
            turn(world, variant);
        if (step == steps * 3 / 4)
            CHECK_NUMBER(hearth_server_stop(server, NULL), HEARTH_OK);
    }
}

static struct world *make_world(const char *root, const char *variant) {
    char settings[1024];
    snprintf(settings, sizeof settings,
             "server_root=%s slow_consumer=%s ping_interval=50ms ping_timeout=100ms close_timeout=100ms "
             "open_timeout=150ms http_timeout=200ms keep_alive_timeout=200ms handshake_timeout=150ms "
             "shutdown_timeout=200ms max_outbox_bytes=64KiB max_message_size=128KiB max_connections=50 "
             "max_rooms_per_connection=5 max_event_queue=300 threads=2",
             root, strcmp(variant, "threads") == 0 ? "close" : "drop_oldest");
    struct world *world = world_new(settings);
    world_route(world, "/r/{room}", "join=auto,relay=others");
    world_route(world, "/all/{room}", "join=auto,relay=all,event=on");
    world_route(world, "/ask/{who}", "accept=ask");
    world_route(world, "/h", "http=GET|POST");
    world_route(world, "/plain", "");
    return world;
}

static void run(struct world *world, const char *variant) {
    pthread_t callers[2];
    int is_driven = strcmp(variant, "driven") == 0;
    if (strcmp(variant, "queue") != 0)
        CHECK_NUMBER(hearth_server_on_event(world->server, on_event, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    server = world->server;
    port = hearth_server_port(server);
    int status = is_driven ? hearth_engine_drive(world->engine) : hearth_engine_start(world->engine);
    CHECK_NUMBER(status, HEARTH_OK);
    for (int i = 0; i < 2 && !is_driven; i++)
        CHECK(pthread_create(&callers[i], NULL, call_from_elsewhere, NULL) == 0);
    act(world, variant);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2 && !is_driven; i++)
        pthread_join(callers[i], NULL);
}

int main(int count, char **arguments) {
    char root[] = "/tmp/hearth-test-XXXXXX", path[64];
    CHECK(count == 2);
    alarm(50);
    CHECK(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a.bin", root);
    FILE *file = fopen(path, "w");
    CHECK(file && ftruncate(fileno(file), file_bytes) == 0 && fclose(file) == 0);
    struct world *world = make_world(root, arguments[1]);
    run(world, arguments[1]);
    world_free(world);
    for (int i = 0; i < lives_max && strcmp(arguments[1], "queue") != 0; i++)
        CHECK_NUMBER(lives[i].closes, lives[i].opens);
    for (int i = 0; i < peers; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    fprintf(stderr, "%ld opened, %ld messages, %ld requests, %ld joined, %ld dropped\n",
            happened[HEARTH_EVENT_OPEN], happened[HEARTH_EVENT_MESSAGE], happened[HEARTH_EVENT_HTTP_REQUEST],
            happened[HEARTH_EVENT_JOINED], happened[HEARTH_EVENT_DROPPED]);
    CHECK(happened[HEARTH_EVENT_OPEN] > 0 && happened[HEARTH_EVENT_MESSAGE] > 0);
    CHECK(unlink(path) == 0 && rmdir(root) == 0);
    return 0;
}
