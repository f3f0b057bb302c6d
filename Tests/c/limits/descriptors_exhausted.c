/* When the process has no descriptor left, the connections it has are served on, and new ones are once there
 * is one again. */
#include "client.h"
#include "world.h"
#include <sys/resource.h>
#include <sys/wait.h>

enum { clients = 60, descriptors = 40 };

static void echo_once(int fd) {
    client_send_text(fd, "hello");
    client_expect_text(fd, "hello");
}

static int talk(int port_pipe) {
    int port, fds[clients];
    CHECK(read(port_pipe, &port, sizeof port) == sizeof port);
    int first = client_open(port, "/");
    for (int i = 0; i < clients; i++)
        fds[i] = client_connect(port);
    for (int i = 0; i < 10; i++)
        echo_once(first);
    for (int i = 0; i < clients; i++)
        close(fds[i]);
    int late = client_open(port, "/");
    echo_once(late);
    echo_once(first);
    client_close(late, 1000);
    client_close(first, 1000);
    return 0;
}

int main(void) {
    int ends[2], status;
    CHECK(pipe(ends) == 0);
    pid_t client = fork();
    if (client == 0)
        _exit(talk(ends[0]));
    struct world *world = world_new("");
    world->on_event = echo;
    int port = world_start(world);
    struct rlimit limit = {descriptors, descriptors};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(write(ends[1], &port, sizeof port) == sizeof port);
    CHECK(waitpid(client, &status, 0) == client);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    world_free(world);
    return 0;
}
