/* A configuration, and an engine of which nothing was started, may be made before fork() and used by parent
 * and child, each for itself. Before there is any engine, an id is one of no connection, not one of another
 * process. */
#include "client.h"
#include "world.h"
#include <sys/wait.h>

static void serves(struct world *world) {
    world->on_event = echo;
    int fd = client_open(world_start(world), "/");
    client_send_text(fd, "hello");
    client_expect_text(fd, "hello");
    client_close(fd, 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
}

/* Events that are polled, by the descriptor of the child's own. */
static void serves_by_polling(hearth_engine *engine, hearth_server *server) {
    hearth_event event;
    CHECK_NUMBER(hearth_server_start(server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(server), "/");
    CHECK_NUMBER(hearth_engine_poll(engine, &event, sizeof event, 1, 20000), 1);
    CHECK_NUMBER(event.type, HEARTH_EVENT_OPEN);
    client_cut(fd);
    CHECK_NUMBER(hearth_engine_free(engine), HEARTH_OK);
}

static void wait_for(pid_t child) {
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    CHECK_NUMBER(hearth_connection_send(123456789, HEARTH_TEXT, "a", 1), HEARTH_ERR_GONE);
    struct world *started = world_new(""), *made = world_new("");
    hearth_engine *polled = hearth_engine_new(made->config);
    hearth_server *server = hearth_server_new(polled, made->config);
    serves(started);
    pid_t child = fork();
    if (child == 0) {
        CHECK_NUMBER(hearth_server_start(started->server), HEARTH_ERR_FORKED);
        CHECK_NUMBER(hearth_config_set(started->config, "max_connections", "3"), HEARTH_OK);
        hearth_engine *own = hearth_engine_new(started->config);
        CHECK(own && hearth_server_new(own, started->config));
        CHECK_NUMBER(hearth_engine_free(own), HEARTH_OK);
        serves(made);
        world_free(made);
        serves_by_polling(polled, server);
        hearth_config_free(started->config);
        CHECK_NUMBER(hearth_config_set(started->config, "max_connections", "3"), HEARTH_ERR_INVALID);
        _exit(0);
    }
    serves(made);
    wait_for(child);
    serves_by_polling(polled, server);
    world_free(made);
    world_free(started);
    return 0;
}
