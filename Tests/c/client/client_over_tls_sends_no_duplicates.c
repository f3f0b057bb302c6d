/* Where a connection over TLS breaks after the system took a part of what was sealed together, the server has
 * the messages of the records that are whole: those are not sent again, and all others are. */
#include "link.h"
#include "world.h"

enum { COUNT = 3000, SIZE = 4000 };

/* What the proxy between client and server does. */
enum { FORWARDS, STALLS, IS_STALLED, DRAINS, IS_DONE };
static int stage = FORWARDS, server_port, next_number;

static void wait_for_stage(int wanted) {
    struct timespec moment = {0, 1000000};
    for (int i = 0; i < 20000 && __atomic_load_n(&stage, __ATOMIC_SEQ_CST) != wanted; i++)
        nanosleep(&moment, NULL);
    CHECK_NUMBER(__atomic_load_n(&stage, __ATOMIC_SEQ_CST), wanted);
}

static void begin_stage(int next) {
    __atomic_store_n(&stage, next, __ATOMIC_SEQ_CST);
}

/* Carries what there is within so many milliseconds; answers the bytes, -1 at the end. */
static long carry(int from, int to, int milliseconds) {
    static char bytes[1 << 16];
    struct pollfd descriptor = {from, POLLIN, 0};
    if (poll(&descriptor, 1, milliseconds) != 1)
        return 0;
    long count = recv(from, bytes, sizeof bytes, 0);
    if (count <= 0)
        return -1;
    client_write(to, bytes, (size_t)count);
    return count;
}

/* One connection, until it ends, or until it has carried all that the system took and cuts the client off. */
static void carry_both(int client, int server) {
    for (;;) {
        int now = __atomic_load_n(&stage, __ATOMIC_SEQ_CST);
        if (now == STALLS) {
            begin_stage(IS_STALLED);
            wait_for_stage(DRAINS);
            while (carry(client, server, 200) > 0)
                ;
            close(server);
            reset(client);
            return begin_stage(IS_DONE);
        }
        if (carry(client, server, 1) < 0 || carry(server, client, 1) < 0)
            break;
    }
    close(client);
    close(server);
}

static void *proxy(void *context) {
    int listener = *(int *)context;
    for (int i = 0; i < 2; i++) {
        int client = accept_one(listener);
        carry_both(client, client_connect(server_port));
    }
    return NULL;
}

static void on_event(struct link *link, const hearth_event *event) {
    static char payload[SIZE];
    int now = __atomic_load_n(&stage, __ATOMIC_SEQ_CST);
    if (event->type == HEARTH_EVENT_CLIENT_SENT && now == IS_STALLED) {
        begin_stage(DRAINS);
        wait_for_stage(IS_DONE);
    }
    if (event->type != HEARTH_EVENT_CLIENT_STATE || event->state != HEARTH_CLIENT_OPEN || now != FORWARDS)
        return;
    begin_stage(STALLS);
    wait_for_stage(IS_STALLED);
    for (int i = 0; i < COUNT; i++) {
        memcpy(payload, &i, sizeof i);
        CHECK_NUMBER(hearth_client_send(link->client, HEARTH_BINARY, payload, SIZE, 0), i + 1);
    }
}

static void expect_next(struct world *world, const hearth_event *event) {
    int number;
    (void)world;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    memcpy(&number, event->data, sizeof number);
    CHECK_NUMBER(number, next_number);
    next_number++;
}

int main(void) {
    struct world *world = world_new("listen=wss://127.0.0.1:0 tls_certificate=" TLS_FOLDER
                                    "/localhost.pem tls_private_key=" TLS_FOLDER "/localhost.key");
    int port = 0, listener = listen_anywhere(&port);
    char url[64], address[64];
    pthread_t thread;
    world->on_event = expect_next;
    world_start(world);
    CHECK(hearth_server_address(world->server, 0, address, sizeof address) > 0);
    server_port = atoi(strrchr(address, ':') + 1);
    CHECK(pthread_create(&thread, NULL, proxy, &listener) == 0);
    snprintf(url, sizeof url, "wss://localhost:%d/", port);
    struct link *link =
        link_new(0, url, "tls_ca_file=" TLS_FOLDER "/ca.pem max_outbox_bytes=64MiB reconnect_max_attempts=0");
    link->on_event = on_event;
    link_start(link);
    link_wait(link, HEARTH_CLIENT_OPEN, 2);
    for (size_t nth = 1; link_wait_event(link, HEARTH_EVENT_CLIENT_SENT, 0, nth)->message != COUNT; nth++)
        ;
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_OK);
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    world_wait(world, HEARTH_EVENT_CLOSE, 2);
    CHECK_NUMBER(next_number, COUNT);
    pthread_join(thread, NULL);
    link_free(link);
    world_free(world);
    close(listener);
    return 0;
}
