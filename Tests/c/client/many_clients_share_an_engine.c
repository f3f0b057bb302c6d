/* Five hundred clients share the loops of one engine, its timers and its threads: each gets its own answers,
 * all of them come back when their server sends them away, and one that is freed is missed by nobody. */
#include "check.h"
#include "world.h"
#include <dirent.h>
#include <sys/resource.h>

enum { CLIENTS = 500 };

struct one {
    hearth_client *client;
    int number;
};

static struct one all[CLIENTS];
static int opens, answers, closes, drops;

static int threads(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void wait_until(int *counter, int value) {
    struct timespec moment = {0, 2000000};
    for (int i = 0; i < 15000 && __atomic_load_n(counter, __ATOMIC_SEQ_CST) < value; i++)
        nanosleep(&moment, NULL);
    CHECK_NUMBER(__atomic_load_n(counter, __ATOMIC_SEQ_CST), value);
}

static void on_event(void *context, const hearth_event *event) {
    struct one *one = context;
    int number;
    CHECK(event->client == one->client);
    switch (event->type) {
    case HEARTH_EVENT_MESSAGE:
        CHECK_NUMBER(event->data_length, sizeof number);
        memcpy(&number, event->data, sizeof number);
        CHECK_NUMBER(number, one->number);
        __atomic_fetch_add(&answers, 1, __ATOMIC_SEQ_CST);
        break;
    case HEARTH_EVENT_CLIENT_DROPPED:
        __atomic_fetch_add(&drops, 1, __ATOMIC_SEQ_CST);
        break;
    case HEARTH_EVENT_CLIENT_STATE:
        if (event->state == HEARTH_CLIENT_OPEN) {
            CHECK(hearth_client_send(one->client, HEARTH_BINARY, &one->number, sizeof one->number, 0) > 0);
            __atomic_fetch_add(&opens, 1, __ATOMIC_SEQ_CST);
        } else if (event->state == HEARTH_CLIENT_CLOSED) {
            __atomic_fetch_add(&closes, 1, __ATOMIC_SEQ_CST);
        }
        break;
    }
}

static void send_all_away(struct world *world) {
    static hearth_connection connections[2 * CLIENTS];
    int64_t count = hearth_server_connections(world->server, connections, 2 * CLIENTS);
    CHECK_NUMBER(count, CLIENTS);
    for (int64_t i = 0; i < count; i++)
        CHECK_NUMBER(hearth_connection_close(connections[i], 1012, NULL), HEARTH_OK);
}

int main(void) {
    struct rlimit limit;
    char url[64];
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct world *world = world_new("threads=2");
    world->on_event = echo;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", world_start(world));
    hearth_config *config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(config, "url", url), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "threads", "2"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "reconnect_floor", "1ms"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "reconnect_backoff_base", "50ms"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "open_timeout", "30s"), HEARTH_OK);
    hearth_engine *engine = hearth_engine_new(config);
    CHECK_NUMBER(hearth_engine_start(engine), HEARTH_OK);
    int before = threads();
    for (int i = 0; i < CLIENTS; i++) {
        all[i].number = i;
        CHECK(all[i].client = hearth_client_new(engine, config));
        CHECK_NUMBER(hearth_client_on_event(all[i].client, on_event, &all[i]), HEARTH_OK);
        CHECK_NUMBER(hearth_client_open(all[i].client), HEARTH_OK);
    }
    wait_until(&answers, CLIENTS);
    CHECK_NUMBER(threads(), before);
    send_all_away(world);
    wait_until(&opens, 2 * CLIENTS);
    wait_until(&answers, 2 * CLIENTS);

    for (int i = 0; i < CLIENTS; i += 2)
        CHECK_NUMBER(hearth_client_free(all[i].client), HEARTH_OK);
    wait_until(&closes, CLIENTS / 2);
    for (int i = 1; i < CLIENTS; i += 2)
        CHECK(hearth_client_send(all[i].client, HEARTH_BINARY, &all[i].number, sizeof(int), 0) > 0);
    wait_until(&answers, 2 * CLIENTS + CLIENTS / 2);
    CHECK_NUMBER(hearth_engine_free(engine), HEARTH_OK);
    CHECK_NUMBER(closes, CLIENTS);
    CHECK_NUMBER(drops, 0);
    hearth_config_free(config);
    world_free(world);
    return 0;
}
