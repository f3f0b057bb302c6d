/* While peers come, talk and go on several loops, other threads call everything there is; in the end nothing
 * is left, and each connection had one OPEN and one CLOSE.
 * Variants: 1 3 */
#include "client.h"
#include "world.h"

enum { visitors = 3, visits = 60, callers = 2 };

static long opened, closed, joined, left;
static int port, is_over;

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, event->path[1] == 'a' ? "ann" : "bob", NULL);
    if (event->type == HEARTH_EVENT_MESSAGE)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
    __atomic_fetch_add(&opened, event->type == HEARTH_EVENT_OPEN, __ATOMIC_RELAXED);
    __atomic_fetch_add(&closed, event->type == HEARTH_EVENT_CLOSE, __ATOMIC_RELAXED);
    __atomic_fetch_add(&joined, event->type == HEARTH_EVENT_JOINED, __ATOMIC_RELAXED);
    __atomic_fetch_add(&left, event->type == HEARTH_EVENT_LEFT, __ATOMIC_RELAXED);
}

static void *visit(void *context) {
    const char *const paths[] = {"/ann", "/bob"};
    unsigned number = (unsigned)(uintptr_t)context;
    for (unsigned i = 0; i < visits; i++) {
        int fd = client_open(port, paths[(i + number) % 2]);
        client_send_text(fd, "hello");
        if (i % 3 == 0)
            client_cut(fd);
        else if (i % 3 == 1)
            client_close(fd, 1000);
        else
            close(fd);
    }
    return NULL;
}

static void *call(void *context) {
    hearth_server *server = context;
    for (unsigned turn = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); turn++) {
        hearth_connection ids[16];
        hearth_connection_info info = {.size = sizeof info};
        char text[256];
        int64_t count = hearth_server_connections(server, ids, 16);
        hearth_connection one = count > 0 ? ids[turn % (count < 16 ? (unsigned)count : 16)] : 0;
        CHECK(count >= 0);
        CHECK(hearth_server_broadcast(server, HEARTH_TEXT, "all", 3, NULL) >= 0);
        CHECK(hearth_room_broadcast(server, "hall", HEARTH_BINARY, "room", 4, NULL) >= 0);
        CHECK(hearth_user_send(server, "ann", HEARTH_TEXT, "ann", 3, NULL) >= 0);
        CHECK(hearth_room_members(server, "hall", ids, 16) >= 0);
        CHECK(hearth_room_users(server, "hall", text, sizeof text) >= 0);
        CHECK(hearth_server_rooms(server, text, sizeof text) >= 0);
        CHECK(hearth_server_user_count(server) >= 0);
        hearth_connection_get_info(one, &info);
        hearth_connection_join(one, "yard");
        hearth_connection_set_user(one, turn % 2 ? "eve" : "ann");
        hearth_connection_set_metadata(one, text, 8);
        hearth_connection_metadata(one, text, sizeof text);
        hearth_connection_rooms(one, text, sizeof text);
        hearth_connection_leave(one, "hall");
        if (turn % 5 == 0)
            hearth_connection_close(one, 4000, "enough");
    }
    return NULL;
}

static int is_empty(hearth_server *server) {
    return hearth_server_connection_count(server) + hearth_server_user_count(server) +
               hearth_server_room_count(server) ==
           0;
}

int main(int count, char **arguments) {
    char settings[64];
    pthread_t threads[visitors + callers];
    CHECK(count == 2);
    snprintf(settings, sizeof settings, "threads=%s close_timeout=200ms", arguments[1]);
    struct world *world = world_new(settings);
    world_route(world, "/{name}", "accept=ask,join=hall");
    CHECK_NUMBER(hearth_server_on_event(world->server, on_event, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    port = hearth_server_port(world->server);
    for (int i = 0; i < visitors; i++)
        CHECK(pthread_create(&threads[i], NULL, visit, (void *)(uintptr_t)i) == 0);
    for (int i = visitors; i < visitors + callers; i++)
        CHECK(pthread_create(&threads[i], NULL, call, world->server) == 0);
    for (int i = 0; i < visitors; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int i = visitors; i < visitors + callers; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 5000 && !is_empty(world->server); i++)
        usleep(1000);
    CHECK_NUMBER(hearth_server_connection_count(world->server), 0);
    CHECK_NUMBER(hearth_server_user_count(world->server), 0);
    CHECK_NUMBER(hearth_server_room_count(world->server), 0);
    world_free(world);
    CHECK_NUMBER(opened, visitors * visits);
    CHECK_NUMBER(closed, opened);
    CHECK_NUMBER(left, joined);
    return 0;
}
