/* A call on a server whose engine another thread frees is done before or answers an error; of two threads
 * that free one engine, one does it; poll ends; a start in the same moment happens before or not at all.
 * Variants: calls free start */
#include "client.h"
#include "world.h"

enum { rounds = 200, threads = 2 };

static struct world *world;
static const char *variant;
static long freed;
static int is_over;

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    (void)event;
}

static void call(void) {
    char text[64];
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        hearth_server_broadcast(world->server, HEARTH_TEXT, "x", 1, NULL);
        hearth_server_connection_count(world->server);
        hearth_server_port(world->server);
        hearth_server_address(world->server, 0, text, sizeof text);
        hearth_engine_error(world->engine, text, sizeof text);
        hearth_engine_fd(world->engine);
    }
}

static void *act(void *context) {
    if (strcmp(variant, "calls") == 0) {
        call();
    } else if (strcmp(variant, "start") == 0 && context) {
        int status = hearth_engine_start(world->engine);
        CHECK(status == HEARTH_OK || status == HEARTH_ERR_INVALID || status == HEARTH_ERR_STATE);
    } else {
        int status = hearth_engine_free(world->engine);
        CHECK(status == HEARTH_OK || status == HEARTH_ERR_INVALID);
        __atomic_fetch_add(&freed, status == HEARTH_OK, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void run_once(void) {
    pthread_t pair[threads];
    world = world_new("threads=2");
    is_over = 0;
    freed = 0;
    CHECK_NUMBER(hearth_server_on_event(world->server, on_event, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    if (strcmp(variant, "start") != 0)
        CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&pair[i], NULL, act, i == 0 ? NULL : world) == 0);
    if (strcmp(variant, "calls") == 0) {
        usleep(300);
        freed = hearth_engine_free(world->engine) == HEARTH_OK;
        usleep(100);
        __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(pair[i], NULL);
    CHECK_NUMBER(freed, 1);
    CHECK(hearth_engine_free(world->engine) < 0);
    hearth_config_free(world->config);
    free(world);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    variant = arguments[1];
    alarm(50);
    for (int i = 0; i < rounds; i++)
        run_once();
    return 0;
}
