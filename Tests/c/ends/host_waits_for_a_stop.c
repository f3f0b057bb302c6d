/* hearth_server_wait answers once a stop or a drain is done, in whatever way the engine runs, and says so
 * where it would wait for itself.
 * Variants: started run driven */
#include "driven.h"

static void wait_in_callback(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_OPEN)
        CHECK_NUMBER(hearth_server_wait(world->server, 0), HEARTH_ERR_THREAD);
}

static void *run(void *engine) {
    hearth_engine_run(engine);
    return NULL;
}

static void *wait_for_ever(void *server) {
    CHECK_NUMBER(hearth_server_wait(server, -1), 1);
    return NULL;
}

static void stop_is_waited_for(struct world *world, int fd) {
    pthread_t waiting;
    CHECK_NUMBER(hearth_server_wait(world->server, 0), 0);
    CHECK_NUMBER(hearth_server_wait(world->server, 20), 0);
    pthread_create(&waiting, NULL, wait_for_ever, world->server);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_OK);
    client_receive(fd);
    CHECK_NUMBER(hearth_server_wait(world->server, 0), 0);
    client_cut(fd);
    CHECK_NUMBER(hearth_server_wait(world->server, 20000), 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_SERVER_STOPPED), 1);
    CHECK_NUMBER(hearth_server_wait(world->server, 0), 1);
    pthread_join(waiting, NULL);
}

static void driver_is_told(struct world *world) {
    pthread_t waiting;
    int fd = world_open(world, world_drive(world), "/");
    world_turn_until(world, HEARTH_EVENT_OPEN, 1);
    CHECK_NUMBER(hearth_server_wait(world->server, -1), HEARTH_ERR_THREAD);
    pthread_create(&waiting, NULL, wait_for_ever, world->server);
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
    client_cut(fd);
    world_turn_until(world, HEARTH_EVENT_SERVER_STOPPED, 1);
    pthread_join(waiting, NULL);
}

int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "started";
    struct world *world = world_new("shutdown_timeout=1h shutdown_spread=0");
    pthread_t running;
    CHECK_NUMBER(hearth_server_wait(NULL, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_server_wait(world->server, 0), HEARTH_ERR_STATE);
    world->on_event = wait_in_callback;
    if (strcmp(way, "driven") == 0) {
        driver_is_told(world);
        world_free(world);
        return 0;
    }
    int is_run = strcmp(way, "run") == 0;
    int port = is_run ? world_listen(world) : world_start(world);
    if (is_run)
        pthread_create(&running, NULL, run, world->engine);
    int fd = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 1);
    stop_is_waited_for(world, fd);
    if (is_run) {
        CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
        pthread_join(running, NULL);
    }
    world_free(world);
    return 0;
}
