/* What clients of the library cost their own process.
 *
 *   clients echo PORT CLIENTS DEPTH SIZE SECONDS [KEY=VALUE …]   each has DEPTH messages in flight, and sends
 *                                                  as many again when all of them have come back
 *   clients idle PORT CLIENTS [KEY=VALUE …]        memory that an open, silent client takes
 *
 * The server echoes on /echo. Further settings are the clients', and at_once=N says how many of them connect
 * at a time (100). Prints one line of JSON: CPU is user and system time of this process, by the scheduler's
 * clock; memory is resident, and what malloc has given out. */
#include <hearth.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { size_max = 1 << 16 };

struct peer {
    hearth_client *client;
    long outstanding;
    unsigned long sent, received;
};

static hearth_engine *engine;
static struct peer *peers;
static char pattern[size_max];
static size_t size;
static long count, depth, at_once = 100, opened, wanted, echoes;
static double seconds, began;
static int is_over;

static void fail(const char *what) {
    fprintf(stderr, "clients: %s\n", what);
    exit(1);
}

static double time_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A message begins with its number, so that one that is lost, doubled or reordered is seen. */
static void refill(struct peer *peer) {
    for (; peer->outstanding < depth; peer->outstanding++) {
        memcpy(pattern, &peer->sent, sizeof peer->sent);
        peer->sent++;
        if (hearth_client_send(peer->client, HEARTH_BINARY, pattern, size, 0) < 0)
            fail("a message was not taken");
    }
}

static void receive(struct peer *peer, const hearth_event *event) {
    unsigned long number;
    memcpy(&number, event->data, sizeof number);
    if (event->data_length != size || number != peer->received++ ||
        memcmp(event->data + sizeof number, pattern + sizeof number, size - sizeof number) != 0)
        fail("a message came back wrong");
    echoes++;
    if (--peer->outstanding > 0 || is_over)
        return;
    if (time_of(CLOCK_MONOTONIC) - began < seconds)
        return refill(peer);
    is_over = 1;
    hearth_engine_stop(engine);
}

static void on_event(void *context, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_MESSAGE)
        return receive(context, event);
    if (event->type != HEARTH_EVENT_CLIENT_STATE)
        return;
    if (event->state == HEARTH_CLIENT_OPEN && ++opened == wanted)
        hearth_engine_stop(engine);
    if (event->state > HEARTH_CLIENT_OPEN && !is_over)
        fail(hearth_error_name(event->error));
}

static double resident_bytes(void) {
    long all, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &all, &pages) != 2)
        fail("/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double heap_bytes(void) {
    struct mallinfo2 heap = mallinfo2();
    return (double)heap.uordblks + (double)heap.hblkhd;
}

static hearth_config *configure(const char *port, char **settings) {
    char url[64];
    hearth_config *config = hearth_config_new();
    snprintf(url, sizeof url, "ws://127.0.0.1:%s/echo", port);
    hearth_config_set(config, "url", url);
    hearth_config_set(config, "open_timeout", "60s");
    for (; *settings; settings++) {
        char *value = strchr(*settings, '=');
        if (!value)
            fail("a setting is KEY=VALUE");
        *value = '\0';
        if (strcmp(*settings, "at_once") == 0)
            at_once = atol(value + 1);
        else if (hearth_config_set(config, *settings, value + 1) != HEARTH_OK)
            fail("a setting is not taken");
    }
    return config;
}

static void open_all(hearth_config *config) {
    for (long i = 0; i < count; i++) {
        peers[i].client = hearth_client_new(engine, config);
        if (!peers[i].client)
            fail("no client");
        hearth_client_on_event(peers[i].client, on_event, &peers[i]);
        hearth_client_open(peers[i].client);
        wanted = i + 1;
        if (wanted % at_once == 0 || wanted == count)
            hearth_engine_run(engine);
    }
}

static void measure_echoes(void) {
    began = time_of(CLOCK_MONOTONIC);
    double cpu = time_of(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < count; i++)
        refill(&peers[i]);
    hearth_engine_run(engine);
    cpu = time_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"mode\":\"echo\",\"cpu_us\":%.3f,\"per_second\":%.0f}\n", cpu * 1e6 / (double)echoes,
           (double)echoes / (time_of(CLOCK_MONOTONIC) - began));
}

int main(int argc, char **arguments) {
    struct rlimit limit;
    if (argc < 4)
        fail("usage: see the head of the source");
    int is_echo = strcmp(arguments[1], "echo") == 0;
    if (is_echo && argc < 7)
        fail("usage: see the head of the source");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    count = atol(arguments[3]);
    if (is_echo) {
        depth = atol(arguments[4]);
        size = strtoul(arguments[5], NULL, 10);
        seconds = atof(arguments[6]);
        if (size < sizeof(unsigned long) || size > size_max)
            fail("a message has 8 to 65536 bytes");
    }
    memset(pattern, 'x', sizeof pattern);
    hearth_config *config = configure(arguments[2], arguments + (is_echo ? 7 : 4));
    engine = hearth_engine_new(config);
    peers = calloc((size_t)count, sizeof *peers);
    if (!engine || !peers)
        fail("no engine");
    memset(peers, 0, (size_t)count * sizeof *peers);
    double resident = resident_bytes(), heap = heap_bytes();
    open_all(config);
    if (is_echo)
        measure_echoes();
    else
        printf("{\"mode\":\"idle\",\"resident_bytes\":%.0f,\"heap_bytes\":%.0f}\n",
               (resident_bytes() - resident) / (double)count, (heap_bytes() - heap) / (double)count);
    is_over = 1;
    hearth_engine_free(engine);
    hearth_config_free(config);
    free(peers);
    return 0;
}
