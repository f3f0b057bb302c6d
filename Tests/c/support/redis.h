/* A redis-server on a free port of 127.0.0.1, for tests. HEARTH_REDIS_SERVER names another program; where there
 * is none the test is skipped. */
#ifndef REDIS_H
#define REDIS_H

#include "client.h"
#include "world.h"
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { SKIPPED = 77 };

struct redis {
    int port;
    pid_t process;
};

static inline int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static inline int can_connect(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int can = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return can;
}

/* Starts it, empty, always on the same port. */
static inline void redis_start(struct redis *redis) {
    const char *program = getenv("HEARTH_REDIS_SERVER");
    char port[16];
    int status;
    if (!program || !*program)
        program = "redis-server";
    if (redis->port == 0)
        redis->port = free_port();
    snprintf(port, sizeof port, "%d", redis->port);
    redis->process = fork();
    CHECK(redis->process >= 0);
    if (redis->process == 0) {
        int nothing = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(nothing, 1);
        execlp(program, program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp", NULL);
        _exit(SKIPPED);
    }
    for (int i = 0; !can_connect(redis->port); i++) {
        CHECK(i < 2000);
        if (waitpid(redis->process, &status, WNOHANG) == redis->process) {
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED);
            printf("skipped: there is no %s\n", program);
            exit(SKIPPED);
        }
        usleep(10000);
    }
}

static inline void redis_kill(struct redis *redis) {
    kill(redis->process, SIGKILL);
    waitpid(redis->process, NULL, 0);
}

/* How many processes listen to a channel. */
static inline int redis_listeners(const struct redis *redis, const char *channel) {
    char reply[512] = "";
    int fd = client_connect(redis->port), length = 0;
    dprintf(fd, "PUBSUB NUMSUB %s\r\n", channel);
    while (!strchr(reply, ':') || reply[length - 1] != '\n') {
        ssize_t count = recv(fd, reply + length, sizeof reply - 1 - (size_t)length, 0);
        CHECK(count > 0);
        length += (int)count;
        reply[length] = '\0';
    }
    close(fd);
    return atoi(strrchr(reply, ':') + 1);
}

static inline void redis_wait_for_listeners(const struct redis *redis, const char *channel, int count) {
    for (int i = 0; redis_listeners(redis, channel) != count; i++) {
        CHECK(i < 2000);
        usleep(10000);
    }
}

/* A world that is a node of the cluster, on threads of its own. */
static inline struct world *node_new(const struct redis *redis, const char *name, const char *settings) {
    char all[1024];
    snprintf(all, sizeof all,
             "redis_url=redis://127.0.0.1:%d node_id=%s broker_linger=200ms max_broker_reconnect=200ms %s",
             redis->port, name, settings);
    return world_new(all);
}

static inline int node_is_well(struct world *world) {
    char health[4096];
    CHECK(hearth_server_health(world->server, health, sizeof health) > 0);
    return strstr(health, "\"ok\"") != NULL;
}

static inline void node_wait(struct world *world, int is_well) {
    for (int i = 0; node_is_well(world) != is_well; i++) {
        CHECK(i < 2000);
        usleep(10000);
    }
}

static inline int node_knows(struct world *world, const char *name) {
    char stats[32768], entry[64];
    CHECK(hearth_server_stats(world->server, stats, sizeof stats) < (int64_t)sizeof stats);
    snprintf(entry, sizeof entry, "\"id\":\"%s\"", name);
    return strstr(stats, entry) != NULL;
}

/* A number of the cluster's statistics. */
static inline long long node_number(struct world *world, const char *name) {
    char stats[32768], key[64];
    CHECK(hearth_server_stats(world->server, stats, sizeof stats) < (int64_t)sizeof stats);
    const char *cluster = strstr(stats, "\"cluster\":");
    snprintf(key, sizeof key, "\"%s\":", name);
    CHECK(cluster);
    /* What is counted stands behind the list of the processes. */
    const char *list = strstr(cluster, "\"nodes\":[");
    const char *found = list ? strstr(list, "]") : NULL;
    found = found ? strstr(found, key) : NULL;
    CHECK(found);
    return atoll(found + strlen(key));
}

static inline void node_wait_for(struct world *world, const char *name, long long value) {
    for (int i = 0; node_number(world, name) != value; i++) {
        if (i == 2000)
            fprintf(stderr, "%s is %lld, not %lld\n", name, node_number(world, name), value);
        CHECK(i < 2000);
        usleep(10000);
    }
}

#endif
