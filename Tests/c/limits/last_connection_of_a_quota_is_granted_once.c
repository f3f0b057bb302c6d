/* Many connections of one user that come at the same time on two loops: never are more open than the user may
 * have, and once all is quiet it is exactly so many. The same for an address. */
#include "client.h"
#include "world.h"
#include <stdatomic.h>

enum { PEERS = 32, PLACES = 3 };

static atomic_int open_now, open_most, refused;
static int port;

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, "anna", NULL), HEARTH_OK);
    if (event->type == HEARTH_EVENT_OPEN) {
        int now = atomic_fetch_add(&open_now, 1) + 1, most = atomic_load(&open_most);
        while (now > most && !atomic_compare_exchange_weak(&open_most, &most, now)) {
        }
    }
    if (event->type == HEARTH_EVENT_CLOSE)
        atomic_fetch_sub(&open_now, 1);
}

static void *peer(void *unused) {
    char head[8192];
    int fd = client_connect(port);
    if (client_upgrade(fd, "/", "", head, sizeof head) == 101) {
        for (struct client_frame *frame; (frame = client_receive(fd));) {
            if (frame->opcode == CLIENT_PING)
                client_send_frame(fd, 0x8A, frame->data, frame->length);
            if (frame->opcode == CLIENT_CLOSE) {
                atomic_fetch_add(&refused, 1);
                break;
            }
        }
    } else {
        atomic_fetch_add(&refused, 1);
    }
    close(fd);
    return unused;
}

static void run(const char *settings) {
    pthread_t threads[PEERS];
    struct world *world = world_new(settings);
    world_route(world, "/", "accept=ask");
    world->on_event = on_event;
    atomic_store(&open_now, 0);
    atomic_store(&open_most, 0);
    atomic_store(&refused, 0);
    port = world_start(world);
    for (int i = 0; i < PEERS; i++)
        CHECK(pthread_create(&threads[i], NULL, peer, NULL) == 0);
    for (int waits = 0; atomic_load(&refused) < PEERS - PLACES; waits++) {
        CHECK(waits < 2000);
        usleep(10000);
    }
    CHECK_NUMBER(atomic_load(&refused), PEERS - PLACES);
    CHECK_NUMBER(atomic_load(&open_most), PLACES);
    CHECK_NUMBER(hearth_server_connection_count(world->server), PLACES);
    world_free(world);
    for (int i = 0; i < PEERS; i++)
        pthread_join(threads[i], NULL);
}

int main(void) {
    run("max_connections_per_user=3 user_limit_probe=300ms threads=2");
    run("max_connections_per_ip=3 threads=2");
    return 0;
}
