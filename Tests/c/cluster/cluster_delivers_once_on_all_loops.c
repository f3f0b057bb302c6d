/* Two nodes of a cluster with two loops each, members on all of them: every message once and in order,
 * through a Redis that is killed and comes back; users, questions and kicks; places of users; nothing is left
 * behind by connections that come and go.
 * Variants: messages users places churn */
#include "redis.h"
#include <stdatomic.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_SLOW 1
#endif
#endif

enum {
    MEMBERS = 12,
#ifdef IS_SLOW
    MESSAGES = 1000,
#else
    MESSAGES = 10000,
#endif
};

static struct redis redis;
static struct world *nodes[2];
static int ports[2];

/* The user is in the path. */
static void name(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, hearth_event_capture(event, "user"), NULL);
}

static void start(const char *settings) {
    char all[512];
    redis_start(&redis);
    snprintf(all, sizeof all, "threads=2 ping_interval=600s %s", settings);
    for (int i = 0; i < 2; i++) {
        nodes[i] = node_new(&redis, i ? "b" : "a", all);
        nodes[i]->on_event = name;
        world_route(nodes[i], "/room/{room}", "join=auto,relay=all");
        world_route(nodes[i], "/as/{user}/{room}", "join=auto,relay=all,accept=ask");
        ports[i] = world_start(nodes[i]);
    }
    for (int i = 0; i < 2; i++)
        node_wait(nodes[i], 1);
}

static void end(void) {
    for (int i = 0; i < 2; i++)
        world_free(nodes[i]);
    redis_kill(&redis);
}

struct member {
    pthread_t thread;
    int fd;
    int begin;
};

/* What the nodes say about messages that do not come. */
static void explain(void) {
    static const char *const names[] = {"published", "not_forwarded", "unconfirmed", "missed", "connected"};
    for (int i = 0; i < 2; i++)
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            fprintf(stderr, "%c: %s %lld\n", 'a' + i, names[j], node_number(nodes[i], names[j]));
}

/* Gets the messages of both publishers, from a number on, each once and in order. */
static void *read_all(void *context) {
    struct member *member = context;
    int next[2] = {member->begin, member->begin};
    while (next[0] + next[1] < 2 * (member->begin + MESSAGES)) {
        char expected[32];
        struct client_frame *frame = client_receive(member->fd);
        if (!frame || frame->opcode != CLIENT_TEXT)
            explain();
        CHECK(frame);
        CHECK_NUMBER(frame->opcode, CLIENT_TEXT);
        int publisher = frame->data[0] == 'b';
        snprintf(expected, sizeof expected, "%c %d", publisher ? 'b' : 'a', next[publisher]++);
        CHECK_TEXT((const char *)frame->data, expected);
    }
    return NULL;
}

static struct member members[2][MEMBERS];

static void *publish(void *context) {
    int publisher = *(int *)context;
    struct member *member = &members[publisher][0];
    for (int i = 0; i < MESSAGES; i++) {
        char text[32];
        snprintf(text, sizeof text, "%c %d", publisher ? 'b' : 'a', member->begin + i);
        client_send_text(member->fd, text);
    }
    return NULL;
}

static void exchange(int begin) {
    int numbers[2] = {0, 1};
    pthread_t publishers[2];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < MEMBERS; j++) {
            members[i][j].begin = begin;
            CHECK(pthread_create(&members[i][j].thread, NULL, read_all, &members[i][j]) == 0);
        }
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&publishers[i], NULL, publish, &numbers[i]) == 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(publishers[i], NULL);
        for (int j = 0; j < MEMBERS; j++)
            pthread_join(members[i][j].thread, NULL);
    }
}

static void messages(void) {
    start("");
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < MEMBERS; j++)
            members[i][j].fd = client_open(ports[i], "/room/r");
    redis_wait_for_listeners(&redis, "ws:r:r", 2);
    exchange(0);
    redis_kill(&redis);
    node_wait(nodes[0], 0);
    node_wait(nodes[1], 0);
    redis_start(&redis);
    node_wait(nodes[0], 1);
    node_wait(nodes[1], 1);
    redis_wait_for_listeners(&redis, "ws:r:r", 2);
    exchange(MESSAGES);
    for (int i = 0; i < 2; i++) {
        CHECK_NUMBER(node_number(nodes[i], "duplicates"), 0);
        CHECK_NUMBER(node_number(nodes[i], "rejected"), 0);
    }
    end();
}

static int open_as(int node, const char *user) {
    char path[64];
    snprintf(path, sizeof path, "/as/%s/r", user);
    return client_open(ports[node], path);
}

static void wait_for_events(uint32_t type, size_t count) {
    for (int i = 0; i < 2; i++) {
        world_wait(nodes[i], type, count);
        CHECK_NUMBER(world_count(nodes[i], type), count);
    }
}

static void expect_answer(uint32_t subject, const char *of, size_t nth, const char *wanted) {
    CHECK(hearth_server_ask(nodes[0]->server, subject, of, 5000) > 0);
    struct record *record = world_wait(nodes[0], HEARTH_EVENT_CLUSTER_ANSWER, nth);
    if (!strstr(record->data, wanted) || !strstr(record->data, "\"missing\":[]"))
        fprintf(stderr, "%s has not %s\n", record->data, wanted);
    CHECK(strstr(record->data, wanted) && strstr(record->data, "\"missing\":[]"));
}

/* Each user but one is in both processes. */
static void users(void) {
    int fds[2][MEMBERS], only[4];
    start("presence_grace=0s");
    for (int j = 0; j < MEMBERS; j++)
        for (int i = 0; i < 2; i++) {
            char user[16];
            snprintf(user, sizeof user, "u%d", j);
            fds[i][j] = open_as(i, user);
        }
    for (int j = 0; j < 4; j++)
        only[j] = open_as(1, "only");
    wait_for_events(HEARTH_EVENT_USER_JOINED, MEMBERS + 1);
    expect_answer(HEARTH_SUBJECT_ROOM, "r", 1, "\"connections\":28");
    expect_answer(HEARTH_SUBJECT_USER, "only", 2, "\"connections\":4,\"rooms\":[\"r\"]");
    redis_wait_for_listeners(&redis, "ws:u:only", 1);
    hearth_user_send(nodes[0]->server, "only", HEARTH_TEXT, "for you", 7, NULL);
    for (int j = 0; j < 4; j++)
        client_expect_text(only[j], "for you");
    hearth_user_kick(nodes[0]->server, "only", 0, NULL);
    for (int j = 0; j < 4; j++) {
        client_expect_close(only[j], 4505);
        close(only[j]);
    }
    wait_for_events(HEARTH_EVENT_USER_LEFT, 1);
    for (int j = 0; j < MEMBERS; j++)
        client_close(fds[1][j], 1000);
    expect_answer(HEARTH_SUBJECT_ROOM, "r", 3, "\"connections\":12");
    wait_for_events(HEARTH_EVENT_USER_LEFT, 1);
    for (int j = 0; j < MEMBERS; j++)
        client_close(fds[0][j], 1000);
    wait_for_events(HEARTH_EVENT_USER_LEFT, MEMBERS + 1);
    for (int i = 0; i < 2; i++)
        node_wait_for(nodes[i], "channels", 3);
    end();
}

static void wait_for_open(int node, int64_t count) {
    for (int i = 0; hearth_server_connection_count(nodes[node]->server) != count; i++) {
        CHECK(i < 2000);
        usleep(10000);
    }
}

/* Those that were refused may still be there for a moment, on either. */
static void wait_for_open_on_both(int64_t count) {
    for (int i = 0;; i++) {
        int64_t first = hearth_server_connection_count(nodes[0]->server);
        if (first + hearth_server_connection_count(nodes[1]->server) == count)
            break;
        CHECK(i < 2000);
        usleep(10000);
    }
}

/* A peer that answers, until its connection ends. */
static void *attend(void *context) {
    int fd = (int)(intptr_t)context;
    for (struct client_frame *frame; (frame = client_receive(fd));) {
        if (frame->opcode == CLIENT_PING)
            client_send_frame(fd, 0x80 | CLIENT_PONG, frame->data, frame->length);
        if (frame->opcode == CLIENT_CLOSE)
            client_send_close(fd, 1000);
    }
    close(fd);
    return NULL;
}

static void open_attended(int node) {
    pthread_t thread;
    int fd = open_as(node, "ann");
    CHECK(pthread_create(&thread, NULL, attend, (void *)(intptr_t)fd) == 0);
    pthread_detach(thread);
}

/* All at once on both processes; who has stopped needs no place, whatever its lease. */
static void places(void) {
    start("max_connections_per_user=10 node_lease=30s");
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 2; i++)
            open_attended(i);
    for (int i = 0; i < 2000; i++) {
        if (node_number(nodes[0], "places_refused") + node_number(nodes[1], "places_refused") == 6)
            break;
        CHECK(i < 1999);
        usleep(10000);
    }
    wait_for_open_on_both(10);
    long long refused = node_number(nodes[1], "places_refused");
    CHECK_NUMBER(hearth_server_free(nodes[0]->server), HEARTH_OK);
    for (int i = 0; node_knows(nodes[1], "a"); i++) {
        CHECK(i < 2000);
        usleep(10000);
    }
    for (int64_t j = hearth_server_connection_count(nodes[1]->server); j < 10; j++)
        open_attended(1);
    /* Later than the answers of Redis: a user whose place was refused would be gone. */
    usleep(300000);
    CHECK_NUMBER(hearth_server_connection_count(nodes[1]->server), 10);
    CHECK_NUMBER(node_number(nodes[1], "places_refused"), refused);
    end();
}

static void *come_and_go(void *context) {
    unsigned seed = (unsigned)(uintptr_t)context;
    for (int i = 0; i < 60; i++) {
        int fd = open_as(rand_r(&seed) % 2, rand_r(&seed) % 2 ? "ann" : "ben");
        if (rand_r(&seed) % 2)
            client_close(fd, 1000);
        else
            client_cut(fd);
    }
    return NULL;
}

/* Afterwards nobody is there, and nothing is listened to but what a node listens to by itself. */
static void churn(void) {
    pthread_t threads[8];
    start("presence_grace=0s");
    for (uintptr_t i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 1)) == 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        wait_for_open(i, 0);
        node_wait_for(nodes[i], "channels", 3);
        for (int j = 0;
             world_count(nodes[i], HEARTH_EVENT_USER_JOINED) != world_count(nodes[i], HEARTH_EVENT_USER_LEFT);
             j++) {
            CHECK(j < 2000);
            usleep(10000);
        }
    }
    end();
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(void);
    } variants[] = {{"messages", messages}, {"users", users}, {"places", places}, {"churn", churn}};
    CHECK(count == 2);
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
        if (strcmp(arguments[1], variants[i].name) == 0) {
            variants[i].run();
            return 0;
        }
    return 1;
}
