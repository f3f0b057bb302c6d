/* Once it is warm, a connection makes no allocation from its coming to its end: counted, in the whole
 * process, over two hundred of them. */
#include "allocations.h"
#include "client.h"
#include "world.h"

static int closed;

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    if (event->type == HEARTH_EVENT_CLOSE)
        __atomic_fetch_add(&closed, 1, __ATOMIC_RELAXED);
}

static void *run(void *engine) {
    hearth_engine_run(engine);
    return NULL;
}

static void come_and_go(int port, int count) {
    int until = __atomic_load_n(&closed, __ATOMIC_RELAXED);
    for (int i = 0; i < count; i++) {
        close(client_open(port, "/a/path?with=query"));
        until++;
        while (__atomic_load_n(&closed, __ATOMIC_RELAXED) < until)
            usleep(100);
    }
}

int main(void) {
    struct world *world = world_new("");
    pthread_t thread;
    world_route(world, "/{name}/{other}", "");
    CHECK_NUMBER(hearth_server_on_event(world->server, on_event, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK(pthread_create(&thread, NULL, run, world->engine) == 0);
    int port = hearth_server_port(world->server);
    come_and_go(port, 50);
    long before = count_allocations();
    CHECK(before > 0);
    come_and_go(port, 200);
    CHECK_NUMBER(count_allocations() - before, 0);
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    pthread_join(thread, NULL);
    world_free(world);
    return 0;
}
