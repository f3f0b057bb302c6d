/* What is large and goes to many is in a file in memory, whose pages every member is sent. Whatever the
 * system refuses of that, everybody gets everything.
 * Variants: pages late no_files no_pages no_pages_later no_file_once short gone gone_midway limit by_turns */
#include "client.h"
#include "world.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { members = 12, sizes_count = 4 };

static const size_t sizes[sizes_count] = {40 << 10, 200 << 10, 33 << 10, 1 << 20};

/* The library calls these instead of the C library's. */
static atomic_int files_asked, sends_asked;
static int files_refused, sends_refused, sends_refused_from = 1, sends_at_most;
/* The socket that is shut while it is sent a file; 0: none yet, -1: none. */
static atomic_int shut = -1;

int memfd_create(const char *name, unsigned flags) {
    int asked = ++files_asked;
    if (files_refused == EMFILE ? asked == 1 : files_refused != 0) {
        errno = files_refused;
        return -1;
    }
    return (int)syscall(SYS_memfd_create, name, flags);
}

ssize_t sendfile(int socket, int file, off_t *start, size_t count) {
    int asked = ++sends_asked;
    if (sends_refused && asked >= sends_refused_from) {
        errno = sends_refused;
        return -1;
    }
    if (shut == 0) {
        /* The system has sent a part, finds the socket shut, raises the signal and answers with the part. */
        ssize_t sent = syscall(SYS_sendfile, socket, file, start, 4096);
        CHECK_NUMBER(sent, 4096);
        shutdown(socket, SHUT_WR);
        CHECK(syscall(SYS_sendfile, socket, file, start, count - 4096) < 0 && errno == EPIPE);
        shut = socket;
        return sent;
    }
    return syscall(SYS_sendfile, socket, file, start, sends_at_most ? (size_t)sends_at_most : count);
}

static int is_signal_held, is_signal_pending;

static void broadcast(struct world *world, const char *room, int number);

/* On the loop's thread. */
static void on_event(struct world *world, const hearth_event *event) {
    sigset_t set;
    if (event->type == HEARTH_EVENT_MESSAGE) {
        broadcast(world, "all", 0);
        broadcast(world, "odd", 2);
    }
    if (event->type == HEARTH_EVENT_OPEN && event->route == 1)
        CHECK(hearth_connection_join(event->connection, "all") >= 0);
    if (event->type != HEARTH_EVENT_LEFT)
        return;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    is_signal_held |= sigismember(&set, SIGPIPE);
    sigpending(&set);
    is_signal_pending |= sigismember(&set, SIGPIPE);
}

static unsigned char byte_at(int number, size_t index) {
    return (unsigned char)(number * 31 + (int)(index % 251) + (int)(index >> 12));
}

static void broadcast(struct world *world, const char *room, int number) {
    size_t size = sizes[number % sizes_count];
    unsigned char *data = malloc(size);
    CHECK(data);
    for (size_t index = 0; index < size; index++)
        data[index] = byte_at(number, index);
    CHECK(hearth_room_broadcast(world->server, room, HEARTH_BINARY, data, size, NULL) >= 0);
    free(data);
}

static void receive(int fd, int number) {
    unsigned char head[10];
    size_t size = 0;
    CHECK(client_read(fd, head, 4));
    CHECK_NUMBER(head[0], 0x82);
    if (head[1] == 127)
        CHECK(client_read(fd, head + 4, 6));
    for (int index = 2; index < (head[1] == 127 ? 10 : 4); index++)
        size = size << 8 | head[index];
    CHECK_NUMBER(size, sizes[number % sizes_count]);
    unsigned char *data = malloc(size);
    CHECK(data && client_read(fd, data, size));
    for (size_t index = 0; index < size; index++)
        CHECK_NUMBER(data[index], byte_at(number, index));
    free(data);
}

/* The server's end of a client's socket, which is in this process. */
static int other_end(int fd) {
    struct sockaddr_in own, peer;
    socklen_t length = sizeof own;
    CHECK_NUMBER(getsockname(fd, (struct sockaddr *)&own, &length), 0);
    for (int other = 3; other < 1024; other++) {
        length = sizeof peer;
        if (getpeername(other, (struct sockaddr *)&peer, &length) == 0 && peer.sin_port == own.sin_port)
            return other;
    }
    CHECK(0);
    return -1;
}

static int is(const char *variant, const char *name) {
    return strcmp(variant, name) == 0;
}

static void prepare(const char *variant) {
    files_refused = is(variant, "no_files") ? ENOSYS : is(variant, "no_file_once") ? EMFILE : 0;
    sends_refused = is(variant, "no_pages") || is(variant, "no_pages_later") ? EINVAL : 0;
    sends_refused_from = is(variant, "no_pages_later") ? 5 : 1;
    sends_at_most = is(variant, "short") ? 1000 : 0;
    signal(SIGPIPE, SIG_DFL);
    if (is(variant, "limit")) {
        /* A larger file would raise SIGXFSZ. */
        struct rlimit limit = {1000, 1000};
        CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
}

/* The next write to one member fails, and nothing says so before. */
static void lose_one(struct world *world, int *fds, int is_midway) {
    int others[members], lost = 5;
    for (int index = 0; index < members; index++)
        others[index] = other_end(fds[index]);
    if (is_midway)
        shut = 0;
    else
        CHECK_NUMBER(shutdown(others[lost], SHUT_WR), 0);
    broadcast(world, "all", 0);
    world_wait(world, HEARTH_EVENT_LEFT, 1);
    for (int index = 0; index < members; index++)
        if (others[index] == shut)
            lost = index;
    for (int index = 0; index < members; index++)
        if (index != lost)
            receive(fds[index], 0);
    CHECK(!is_signal_held && !is_signal_pending);
    client_cut(fds[lost]);
    fds[lost] = fds[members - 1];
}

/* Every other member gets another message in the same turn, so no two in a row get the same. */
static void take_turns(struct world *world, int port) {
    int fds[2 * members];
    for (int index = 0; index < 2 * members; index++) {
        fds[index] = client_open(port, index % 2 ? "/odd" : "/member");
        world_wait(world, HEARTH_EVENT_JOINED, members + (size_t)(index + 1 + index / 2 + index % 2));
    }
    int asked = files_asked;
    client_send_text(fds[0], "now");
    for (int index = 0; index < 2 * members; index++) {
        receive(fds[index], 0);
        if (index % 2)
            receive(fds[index], 2);
    }
    /* One for the members of before, who come first, and one that was not worth it. */
    CHECK(files_asked - asked <= 2);
    for (int index = 0; index < 2 * members; index++)
        client_close(fds[index], 1000);
}

static void check_calls(const char *variant, int messages) {
    int is_all = is(variant, "pages") || is(variant, "short");
    if (is(variant, "limit"))
        CHECK_NUMBER(files_asked, 0);
    if (is(variant, "no_files"))
        CHECK_NUMBER(files_asked, 1);
    if (is(variant, "no_pages"))
        CHECK_NUMBER(sends_asked, 1);
    if (is(variant, "no_pages_later"))
        CHECK_NUMBER(sends_asked, 5);
    if (is(variant, "no_file_once")) {
        CHECK_NUMBER(files_asked, messages);
        CHECK_NUMBER(sends_asked, (messages - 1) * members);
    }
    if (is_all) {
        CHECK_NUMBER(files_asked, messages);
        CHECK_NUMBER(sends_asked, messages * members);
    }
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *variant = arguments[1];
    int is_late = is(variant, "late"), messages = is_late ? 24 : 8, present = members, fds[members];
    prepare(variant);
    struct world *world = world_new("max_outbox_bytes=64MiB");
    world->on_event = on_event;
    world_route(world, "/member", "join=all");
    world_route(world, "/odd", "join=odd");
    int port = world_start(world);
    for (int index = 0; index < members; index++)
        fds[index] = client_open(port, "/member");
    world_wait(world, HEARTH_EVENT_JOINED, members);
    if (strncmp(variant, "gone", 4) == 0) {
        lose_one(world, fds, is(variant, "gone_midway"));
        present--;
    }
    for (int number = 0; number < messages; number++) {
        broadcast(world, "all", number);
        for (int index = 0; index < present && !is_late; index++)
            receive(fds[index], number);
    }
    /* Their memory has been used for other messages meanwhile. */
    for (int index = 0; index < present && is_late; index++)
        for (int number = 0; number < messages; number++)
            receive(fds[index], number);
    check_calls(variant, messages);
    if (is(variant, "by_turns")) {
        take_turns(world, port);
        for (int index = 0; index < members; index++)
            receive(fds[index], 0);
    }
    for (int index = 0; index < present; index++)
        client_close(fds[index], 1000);
    world_wait(world, HEARTH_EVENT_CLOSE, is(variant, "by_turns") ? 3 * members : members);
    world_free(world);
    return 0;
}
