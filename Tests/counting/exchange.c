/* A server and its clients in one process, for calls.py: each phase exchanges a known number of messages,
 * and a call of phase_begins on the loop's thread parts the phases from one another. */
#include "../c/support/client.h"
#include <hearth.h>
#include <pthread.h>

enum { ECHOES, RELAYS, HANDSHAKES };
enum { CONNECTIONS = 4, MEMBERS = 10, DEPTH_MAX = 256, WARM_UP_ROUNDS = 30 };

struct phase {
    const char *name;
    int kind;
    int is_wasteful;
    int opcode;
    int depth;
    size_t size;
    /* What the peers that send write one after the other: rounds times depth messages each. Or so many peers
     * that come and go. */
    int rounds;
};

/* What a peer has in flight is less than one read takes, for a message that comes in two reads is put
 * together in memory of its own. */
static const struct phase phases[] = {
    {"echo, 64 B text, 1 in flight", ECHOES, 0, 1, 1, 64, 200},
    {"echo, 64 B text, 16 in flight", ECHOES, 0, 1, 16, 64, 40},
    {"echo, 64 B binary, 1 in flight", ECHOES, 0, 2, 1, 64, 200},
    {"echo, 64 B binary, 16 in flight", ECHOES, 0, 2, 16, 64, 40},
    {"echo, 16 KiB text, 1 in flight", ECHOES, 0, 1, 1, 16384, 40},
    {"echo, 16 KiB text, 4 in flight", ECHOES, 0, 1, 4, 16384, 20},
    {"echo, 16 KiB binary, 1 in flight", ECHOES, 0, 2, 1, 16384, 40},
    {"relay to a room of 10, 64 B text, 1 in flight", RELAYS, 0, 1, 1, 64, 200},
    {"relay to a room of 10, 64 B text, 16 in flight", RELAYS, 0, 1, 16, 64, 40},
    {"relay to a room of 10, 64 B text, 256 in flight", RELAYS, 0, 1, 256, 64, 20},
    {"relay to a room of 10, 16 KiB binary, 1 in flight", RELAYS, 0, 2, 1, 16384, 40},
    {"handshake and close", HANDSHAKES, 0, 8, 1, 2, 200},
    {"wasteful echo, 64 B text, 1 in flight", ECHOES, 1, 1, 1, 64, 200},
};

static volatile int is_wasteful;
/* The loop waits in a callback until all peers have written, so that its next turn is as large as can be. */
static volatile int is_held_up;
static void *volatile waste;
static hearth_server *server;

/* Its name is what the profiler is told to look for. */
__attribute__((noinline)) void phase_begins(void) {
    __asm__ volatile("" ::: "memory");
}

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    if (event->data_length == 1 && event->data[0] == '#')
        phase_begins();
    while (is_held_up)
        usleep(100);
    if (is_wasteful) {
        waste = malloc(16);
        free(waste);
        hearth_connection_set_user(event->connection, "somebody");
        hearth_connection_set_user(event->connection, NULL);
    }
    hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
}

static void *run(void *engine) {
    hearth_engine_run(engine);
    return NULL;
}

static int open_on(const char *path) {
    /* Room for all that is in flight, so that no socket of the server's is ever full. */
    int fd = client_open(hearth_server_port(server), path), bytes = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return fd;
}

/* Fills `frames` with as many frames of a client as a peer has in flight. Returns their length. */
static size_t write_frames(const struct phase *phase, unsigned char *frames) {
    unsigned char *end = frames;
    for (int i = 0; i < phase->depth; i++) {
        *end++ = (unsigned char)(0x80 | phase->opcode);
        if (phase->size < 126) {
            *end++ = (unsigned char)(0x80 | phase->size);
        } else {
            *end++ = 0x80 | 126;
            *end++ = (unsigned char)(phase->size >> 8);
            *end++ = (unsigned char)phase->size;
        }
        memcpy(end, "\1\2\3\4", 4);
        end += 4;
        for (size_t k = 0; k < phase->size; k++)
            *end++ = (unsigned char)('a' ^ (k % 4 + 1));
    }
    return (size_t)(end - frames);
}

/* A large frame is a write of its own, so that none comes in two parts. */
static void write_phase(const struct phase *phase, int fd, const unsigned char *frames, size_t length) {
    size_t part = phase->size < 126 ? length : length / (size_t)phase->depth;
    for (size_t written = 0; written < length; written += part)
        client_write(fd, frames + written, part);
}

static void expect_answers(const struct phase *phase, int fd, unsigned char *answers) {
    size_t head = phase->size < 126 ? 2 : 4;
    CHECK(client_read(fd, answers, (head + phase->size) * (size_t)phase->depth));
    for (int i = 0; i < phase->depth; i++) {
        const unsigned char *answer = answers + (head + phase->size) * (size_t)i;
        CHECK(answer[0] == (0x80 | phase->opcode));
        CHECK(answer[head] == 'a' && answer[head + phase->size - 1] == 'a');
    }
}

static void come_and_go(void) {
    static const unsigned char frame[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8};
    unsigned char answer[4];
    int fd = open_on("/echo");
    client_write(fd, frame, sizeof frame);
    CHECK(client_read(fd, answer, sizeof answer));
    CHECK(answer[0] == 0x88 && answer[3] == 0xE8);
    CHECK(read(fd, answer, 1) == 0);
    close(fd);
}

static void exchange(const struct phase *phase, const int *echo, const int *room, int rounds, int holds_up) {
    static unsigned char frames[DEPTH_MAX * (16384 + 8)], answers[DEPTH_MAX * (16384 + 4)];
    size_t length = write_frames(phase, frames);
    is_wasteful = phase->is_wasteful;
    for (int round = 0; round < rounds; round++) {
        if (phase->kind == HANDSHAKES) {
            come_and_go();
            continue;
        }
        if (phase->kind == RELAYS) {
            write_phase(phase, room[round % MEMBERS], frames, length);
            for (int i = 0; i < MEMBERS; i++)
                expect_answers(phase, room[i], answers);
            continue;
        }
        is_held_up = holds_up;
        for (int i = 0; i < CONNECTIONS; i++)
            write_phase(phase, echo[i], frames, length);
        is_held_up = 0;
        for (int i = 0; i < CONNECTIONS; i++)
            expect_answers(phase, echo[i], answers);
    }
    is_wasteful = 0;
}

static void mark(int fd) {
    static const unsigned char frame[] = {0x81, 0x81, 0, 0, 0, 0, '#'};
    char answer[3];
    client_write(fd, frame, sizeof frame);
    CHECK(client_read(fd, answer, sizeof answer));
}

int main(void) {
    int echo[CONNECTIONS], room[MEMBERS];
    hearth_config *config = hearth_config_new();
    CHECK(hearth_config_set(config, "listen", "127.0.0.1:0") == HEARTH_OK);
    CHECK(hearth_config_set(config, "ping_interval", "off") == HEARTH_OK);
    hearth_engine *engine = hearth_engine_new(config);
    server = hearth_server_new(engine, config);
    CHECK(hearth_server_route(server, "/echo", "") >= 0);
    CHECK(hearth_server_route(server, "/room/{room}", "join=auto,relay=all") >= 0);
    CHECK(hearth_server_on_event(server, on_event, NULL) == HEARTH_OK);
    CHECK(hearth_server_start(server) == HEARTH_OK);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, engine) == 0);
    for (int i = 0; i < CONNECTIONS; i++)
        echo[i] = open_on("/echo");
    for (int i = 0; i < MEMBERS; i++)
        room[i] = open_on("/room/a");

    size_t count = sizeof phases / sizeof phases[0];
    for (size_t i = 0; i < count; i++)
        for (int holds_up = 0; holds_up <= 1; holds_up++)
            exchange(&phases[i], echo, room, WARM_UP_ROUNDS, holds_up);
    mark(echo[0]);
    for (size_t i = 0; i < count; i++) {
        const struct phase *phase = &phases[i];
        exchange(phase, echo, room, phase->rounds, 0);
        mark(echo[0]);
        int messages = phase->rounds * phase->depth * (phase->kind == ECHOES ? CONNECTIONS : 1);
        printf("%d\t%zu\t%d\t%s\n", messages, phase->size, phase->kind == RELAYS ? MEMBERS : 1, phase->name);
    }
    CHECK(hearth_engine_stop(engine) == HEARTH_OK);
    pthread_join(thread, NULL);
    CHECK(hearth_engine_free(engine) == HEARTH_OK);
    hearth_config_free(config);
    return 0;
}
