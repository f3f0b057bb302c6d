/* 10,000 connections of as many users that each join 20 of 100,000 rooms, and leave them again: for
 * memberships.py, which counts what the first and the last of them cost. The peers are a process of their
 * own. Prints the bytes of memory for each membership.
 *
 *   memberships CONNECTIONS users|nobody      whether each connection is a user's */
#include "../c/support/client.h"
#include <hearth.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { ROOMS_OF_EACH = 20, ROOMS_PER_CONNECTION = 10, SAMPLE_DIVISOR = 50 };

static hearth_engine *engine;
static hearth_server *server;
static hearth_connection *connections;
static int count, opened, has_users;

/* Its name is what the profiler is told to look for. */
__attribute__((noinline)) void phase_begins(void) {
    __asm__ volatile("" ::: "memory");
}

static void poll_all(int timeout) {
    static hearth_event events[1024];
    for (int64_t found = 1024; found == 1024;) {
        found = hearth_engine_poll(engine, events, sizeof(hearth_event), 1024, timeout);
        CHECK(found >= 0);
        for (int64_t i = 0; i < found; i++) {
            if (events[i].type == HEARTH_EVENT_CONNECT)
                hearth_connection_accept(events[i].connection, has_users ? events[i].path + 1 : NULL, NULL);
            if (events[i].type == HEARTH_EVENT_OPEN)
                connections[opened++] = events[i].connection;
        }
    }
}

/* The nth membership of all: connections take turns, and each room gets two members. */
static void name_room(char *name, size_t size, int nth) {
    int connection = nth % count, number = nth / count;
    snprintf(name, size, "room-%d", (connection * ROOMS_PER_CONNECTION + number * 7919) %
                                        (count * ROOMS_PER_CONNECTION));
}

static void change(int from, int to, int (*call)(hearth_connection, const char *)) {
    char name[32];
    for (int nth = from; nth < to; nth++) {
        name_room(name, sizeof name, nth);
        CHECK_NUMBER(call(connections[nth % count], name), HEARTH_OK);
        if (nth % 1000 == 999)
            poll_all(0);
    }
    poll_all(0);
}

/* First a sample, then the rest, then a sample: each a phase. */
static void change_all(int (*call)(hearth_connection, const char *)) {
    int all = count * ROOMS_OF_EACH, sample = all / SAMPLE_DIVISOR;
    phase_begins();
    change(0, sample, call);
    phase_begins();
    change(sample, all - sample, call);
    phase_begins();
    change(all - sample, all, call);
    phase_begins();
}

static pid_t start_peers(int port) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child > 0)
        return child;
    char path[32];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/user-%d", i);
        client_send_upgrade(client_connect(port), path, "");
    }
    pause();
    _exit(0);
}

int main(int argument_count, char **arguments) {
    struct rlimit limit;
    CHECK(argument_count == 3);
    count = atoi(arguments[1]);
    has_users = strcmp(arguments[2], "users") == 0;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    connections = calloc((size_t)count, sizeof *connections);
    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "listen", "127.0.0.1:0");
    hearth_config_set(config, "handshake_timeout", "1h");
    hearth_config_set(config, "ping_interval", "0");
    engine = hearth_engine_new(config);
    server = hearth_server_new(engine, config);
    CHECK(hearth_server_route(server, "/{user}", "accept=ask") >= 0);
    CHECK_NUMBER(hearth_server_start(server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_drive(engine), HEARTH_OK);
    pid_t peers = start_peers(hearth_server_port(server));
    while (opened < count)
        poll_all(100);
    size_t before = (mallinfo2().uordblks + mallinfo2().hblkhd);
    change_all(hearth_connection_join);
    size_t used = (mallinfo2().uordblks + mallinfo2().hblkhd) - before;
    CHECK_NUMBER(hearth_server_room_count(server), count * ROOMS_PER_CONNECTION);
    change_all(hearth_connection_leave);
    CHECK_NUMBER(hearth_server_room_count(server), 0);
    printf("%.1f\n", (double)used / (count * ROOMS_OF_EACH));
    kill(peers, SIGKILL);
    waitpid(peers, NULL, 0);
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
