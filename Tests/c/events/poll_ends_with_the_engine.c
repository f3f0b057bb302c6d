/* A thread that waits in hearth_engine_poll without a limit returns when another one stops or frees the
 * engine.
 * Variants: stop free */
#include "client.h"
#include "world.h"

static int is_polling;

static void *wait_for_ever(void *engine) {
    hearth_event events[4];
    __atomic_store_n(&is_polling, 1, __ATOMIC_RELEASE);
    int64_t count = hearth_engine_poll(engine, events, sizeof(hearth_event), 4, -1);
    CHECK(count <= 0);
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    struct world *world = world_new("");
    struct timespec limit;
    pthread_t thread;
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    CHECK(pthread_create(&thread, NULL, wait_for_ever, world->engine) == 0);
    while (!__atomic_load_n(&is_polling, __ATOMIC_ACQUIRE))
        usleep(1000);
    usleep(50000);
    if (strcmp(arguments[1], "stop") == 0)
        CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    else
        CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_OK);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    CHECK(pthread_timedjoin_np(thread, NULL, &limit) == 0);
    if (strcmp(arguments[1], "stop") == 0)
        CHECK_NUMBER(hearth_engine_free(world->engine), HEARTH_OK);
    hearth_config_free(world->config);
    free(world);
    return 0;
}
