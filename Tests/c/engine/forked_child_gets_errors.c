/* In a forked child the engine of the parent answers HEARTH_ERR_FORKED and leaves the parent's peers alone;
 * the child can make an engine of its own. */
#include "client.h"
#include "world.h"
#include <sys/wait.h>

static void check_in_child(struct world *world, hearth_connection connection) {
    hearth_event event;
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "a", 1, NULL), HEARTH_ERR_FORKED);
    CHECK_NUMBER(hearth_connection_send(connection, HEARTH_TEXT, "a", 1), HEARTH_ERR_FORKED);
    CHECK_NUMBER(hearth_connection_close(connection, 1000, NULL), HEARTH_ERR_FORKED);
    CHECK_NUMBER(hearth_server_connection_count(world->server), HEARTH_ERR_FORKED);
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_ERR_FORKED);
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_ERR_FORKED);
    CHECK_NUMBER(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0), HEARTH_ERR_FORKED);
    hearth_server_free(world->server);
    hearth_engine_free(world->engine);

    struct world *own = world_new("");
    own->on_event = echo;
    int fd = client_open(world_start(own), "/");
    client_send_text(fd, "in the child");
    client_expect_text(fd, "in the child");
    client_close(fd, 1000);
    world_free(own);
}

int main(void) {
    struct world *world = world_new("");
    int status = -1;
    world->on_event = echo;
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    pid_t child = fork();
    if (child == 0) {
        check_in_child(world, connection);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    client_send_text(fd, "still here");
    client_expect_text(fd, "still here");
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
