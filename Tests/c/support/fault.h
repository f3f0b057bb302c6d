/* Fails the n-th allocation or system call of the library in a process of its own for each n, and says what came of it.
 * A client that takes every failure as an answer. */
#ifndef FAULT_H
#define FAULT_H

#include "check.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <hearth.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum fault_call {
    ALLOCATION, ALLOCATIONS, EPOLL_CREATE, EPOLL_CTL, EPOLL_WAIT, PIPE, ACCEPT, SOCKET, BIND, LISTEN, SETSOCKOPT,
    GETSOCKOPT, GETSOCKNAME, CONNECT, RECV, SEND, SENDMSG, READ, WRITE, OPEN, FCNTL, THREAD, FAULT_CALLS
};

static const char *const fault_names[] = {
    "allocation", "allocations from n on", "epoll_create1", "epoll_ctl", "epoll_wait", "pipe2", "accept4", "socket",
    "bind", "listen", "setsockopt", "getsockopt", "getsockname", "connect", "recv", "send", "sendmsg", "read", "write",
    "open", "fcntl", "pthread_create"};

/* So many allocations in a row fail. */
enum { FAULT_ROW = 40, FAULT_SECONDS = 30 };

struct fault_shared {
    long calls;
    int error, is_hit;
    long kept;
    char place[200];
};

static struct fault_shared *fault_shared;
static int fault_call, fault_is_armed;
static long fault_at;
static uintptr_t fault_from, fault_to;
/* libuv's code: it ends the process when the table of a loop's watchers or its threads get no memory. */
static uintptr_t fault_libuv_from, fault_libuv_to;
/* This thread is not the library's, and not in it. */
static _Thread_local int fault_is_outside;

#define LIBRARY(call)                          \
    ({                                         \
        fault_is_outside = 0;                  \
        __typeof__(call) fault_result = (call); \
        fault_is_outside = 1;                  \
        fault_result;                          \
    })

#define FAULT_CHECK(condition)                                                                                \
    do {                                                                                                      \
        if (!(condition)) {                                                                                   \
            snprintf(fault_shared->place, sizeof fault_shared->place, "line %d: %s", __LINE__, #condition);   \
            _exit(3);                                                                                         \
        }                                                                                                     \
    } while (0)

static inline void fault_arm(void) { __atomic_store_n(&fault_is_armed, 1, __ATOMIC_SEQ_CST); }
static inline void fault_disarm(void) { __atomic_store_n(&fault_is_armed, 0, __ATOMIC_SEQ_CST); }

static inline void fault_note(int status) {
    if (status < 0 && fault_shared->error == 0)
        fault_shared->error = status;
}

static inline int fault_strikes(int call, const void *caller) {
    uintptr_t from = (uintptr_t)caller;
    int is_wanted = call == fault_call || (call == ALLOCATION && fault_call == ALLOCATIONS);
    if (!is_wanted || fault_is_outside || !__atomic_load_n(&fault_is_armed, __ATOMIC_SEQ_CST))
        return 0;
    if (call != ALLOCATION && (from < fault_from || from >= fault_to))
        return 0;
    if (call == ALLOCATION && from >= fault_libuv_from && from < fault_libuv_to)
        return 0;
    long n = __atomic_fetch_add(&fault_shared->calls, 1, __ATOMIC_SEQ_CST);
    if (n < fault_at || n >= fault_at + (fault_call == ALLOCATIONS ? FAULT_ROW : 1))
        return 0;
    fault_shared->is_hit = 1;
    errno = ENOMEM;
    return 1;
}

/* Blocks that the library itself holds. */
enum { FAULT_BLOCKS = 1 << 18 };
static void *fault_blocks[FAULT_BLOCKS];
static int fault_lock;

static inline size_t fault_slot(const void *block) { return (uintptr_t)block / 16 * 2654435761u % FAULT_BLOCKS; }

static inline void *fault_keep(void *block, const void *caller) {
    uintptr_t from = (uintptr_t)caller;
    if (!block || from < fault_from || from >= fault_to)
        return block;
    while (__atomic_exchange_n(&fault_lock, 1, __ATOMIC_ACQUIRE))
        continue;
    size_t slot = fault_slot(block);
    while (fault_blocks[slot] && fault_blocks[slot] != (void *)1)
        slot = (slot + 1) % FAULT_BLOCKS;
    fault_blocks[slot] = block;
    __atomic_store_n(&fault_lock, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&fault_shared->kept, 1, __ATOMIC_SEQ_CST);
    return block;
}

static inline void fault_forget(const void *block) {
    if (!block || !fault_from)
        return;
    while (__atomic_exchange_n(&fault_lock, 1, __ATOMIC_ACQUIRE))
        continue;
    size_t slot = fault_slot(block);
    while (fault_blocks[slot] && fault_blocks[slot] != block)
        slot = (slot + 1) % FAULT_BLOCKS;
    if (fault_blocks[slot]) {
        fault_blocks[slot] = (void *)1;
        __atomic_fetch_sub(&fault_shared->kept, 1, __ATOMIC_SEQ_CST);
    }
    __atomic_store_n(&fault_lock, 0, __ATOMIC_RELEASE);
}

#define CALLER __builtin_return_address(0)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void *malloc(size_t size) {
    return fault_strikes(ALLOCATION, CALLER) ? NULL : fault_keep(__libc_malloc(size), CALLER);
}
void *calloc(size_t count, size_t size) {
    return fault_strikes(ALLOCATION, CALLER) ? NULL : fault_keep(__libc_calloc(count, size), CALLER);
}
void *realloc(void *block, size_t size) {
    if (fault_strikes(ALLOCATION, CALLER))
        return NULL;
    fault_forget(block);
    return fault_keep(__libc_realloc(block, size), CALLER);
}
int posix_memalign(void **place, size_t alignment, size_t size) {
    if (fault_strikes(ALLOCATION, CALLER))
        return ENOMEM;
    *place = fault_keep(__libc_memalign(alignment, size), CALLER);
    return *place ? 0 : ENOMEM;
}
void free(void *block) {
    fault_forget(block);
    __libc_free(block);
}

/* How a system call fails when its turn has come. */
#define FAULT(call, number)                   \
    if (fault_strikes(call, CALLER)) {        \
        errno = number;                       \
        return -1;                            \
    }

int epoll_create1(int flags) {
    FAULT(EPOLL_CREATE, EMFILE)
    return (int)syscall(SYS_epoll_create1, flags);
}
int epoll_ctl(int set, int operation, int fd, struct epoll_event *event) {
    FAULT(EPOLL_CTL, ENOMEM)
    return (int)syscall(SYS_epoll_ctl, set, operation, fd, event);
}
int epoll_wait(int set, struct epoll_event *events, int capacity, int timeout) {
    FAULT(EPOLL_WAIT, EINTR)
    return (int)syscall(SYS_epoll_pwait, set, events, capacity, timeout, NULL, 0);
}
int pipe2(int ends[2], int flags) {
    FAULT(PIPE, EMFILE)
    return (int)syscall(SYS_pipe2, ends, flags);
}
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    FAULT(ACCEPT, ENOMEM)
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}
int socket(int family, int type, int protocol) {
    FAULT(SOCKET, EMFILE)
    return (int)syscall(SYS_socket, family, type, protocol);
}
int bind(int fd, const struct sockaddr *address, socklen_t length) {
    FAULT(BIND, EADDRINUSE)
    return (int)syscall(SYS_bind, fd, address, length);
}
int listen(int fd, int backlog) {
    FAULT(LISTEN, EADDRINUSE)
    return (int)syscall(SYS_listen, fd, backlog);
}
int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    FAULT(SETSOCKOPT, ENOBUFS)
    return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}
int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    FAULT(GETSOCKOPT, ENOBUFS)
    return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
}
int getsockname(int fd, struct sockaddr *address, socklen_t *length) {
    FAULT(GETSOCKNAME, ENOBUFS)
    return (int)syscall(SYS_getsockname, fd, address, length);
}
int connect(int fd, const struct sockaddr *address, socklen_t length) {
    FAULT(CONNECT, ENETUNREACH)
    return (int)syscall(SYS_connect, fd, address, length);
}
ssize_t recv(int fd, void *data, size_t length, int flags) {
    FAULT(RECV, ENOMEM)
    return syscall(SYS_recvfrom, fd, data, length, flags, NULL, NULL);
}
ssize_t send(int fd, const void *data, size_t length, int flags) {
    FAULT(SEND, ENOMEM)
    return syscall(SYS_sendto, fd, data, length, flags, NULL, 0);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    FAULT(SENDMSG, ENOMEM)
    return syscall(SYS_sendmsg, fd, message, flags);
}
ssize_t read(int fd, void *data, size_t length) {
    FAULT(READ, EINTR)
    return syscall(SYS_read, fd, data, length);
}
ssize_t write(int fd, const void *data, size_t length) {
    FAULT(WRITE, EAGAIN)
    return syscall(SYS_write, fd, data, length);
}
int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    FAULT(OPEN, EMFILE)
    return (int)syscall(SYS_openat, -100, path, flags, mode);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *context) {
    static int (*original)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (fault_strikes(THREAD, CALLER))
        return EAGAIN;
    if (!original)
        original = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT,
                                                                                                "pthread_create");
    /* libuv ends the process when its threads that look up names cannot be made. */
    uintptr_t from = (uintptr_t)CALLER;
    int was_outside = fault_is_outside;
    fault_is_outside = was_outside || (from >= fault_libuv_from && from < fault_libuv_to);
    int result = original(thread, attributes, body, context);
    fault_is_outside = was_outside;
    return result;
}

/* A client. -1: refused; 0: ended; a silence of five seconds is a hang. */

static inline int fault_await(int fd) {
    struct pollfd entry = {fd, POLLIN, 0};
    int count;
    while ((count = poll(&entry, 1, 5000)) < 0 && errno == EINTR)
        continue;
    FAULT_CHECK(count == 1);
    return count;
}

static inline int fault_connect(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static inline int fault_read(int fd, void *data, size_t length) {
    for (size_t had = 0; had < length;) {
        fault_await(fd);
        ssize_t count = recv(fd, (char *)data + had, length - had, 0);
        if (count <= 0)
            return 0;
        had += (size_t)count;
    }
    return 1;
}

static inline int fault_upgrade(int fd, const char *path, const char *fields) {
    char text[8192];
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n",
                          path, fields);
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
        return 0;
    for (size_t had = 0; had + 1 < sizeof text;) {
        if (!fault_read(fd, text + had, 1))
            return 0;
        text[++had] = 0;
        if (had > 4 && strcmp(text + had - 4, "\r\n\r\n") == 0)
            return atoi(text + 9);
    }
    return 0;
}

static inline int fault_send_frame(int fd, int first, const void *data, size_t length) {
    unsigned char frame[4096] = {(unsigned char)first, (unsigned char)(0x80 | (length < 126 ? length : 126))};
    size_t head = 2;
    if (length >= 126) {
        frame[2] = (unsigned char)(length >> 8);
        frame[3] = (unsigned char)length;
        head = 4;
    }
    memset(frame + head, 0, 4);
    memcpy(frame + head + 4, data, length);
    return send(fd, frame, head + 4 + length, MSG_NOSIGNAL) == (ssize_t)(head + 4 + length);
}

static inline int fault_send_text(int fd, const char *text) {
    return fault_send_frame(fd, 0x81, text, strlen(text));
}

static inline int fault_send_parts(int fd) {
    char text[3000];
    memset(text, 'a', sizeof text);
    return fault_send_frame(fd, 0x01, text, sizeof text) && usleep(2000) == 0 &&
           fault_send_frame(fd, 0x80, text, sizeof text);
}

static inline int fault_send_compressed(int fd) { return fault_send_frame(fd, 0xC1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7); }

/* The opcode of the frame that comes; 0: the end, also by a close frame. */
static inline int fault_receive(int fd) {
    unsigned char head[2], more[2];
    static char rest[70000];
    if (!fault_read(fd, head, 2))
        return 0;
    size_t length = head[1];
    if (length == 126) {
        if (!fault_read(fd, more, 2))
            return 0;
        length = (size_t)more[0] << 8 | more[1];
    }
    if (!fault_read(fd, rest, length))
        return 0;
    return (head[0] & 15) == 8 ? 0 : head[0] & 15;
}

static inline void fault_hang_up(int fd) {
    fault_send_frame(fd, 0x88, "\x03\xe8", 2);
    shutdown(fd, SHUT_WR);
    while (fault_receive(fd) > 0)
        continue;
    close(fd);
}

/* One process for each n. */

static inline void fault_find(void) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (strstr(line, "libhearth") && strstr(line, "r-x") && sscanf(line, "%lx-%lx", &from, &to) == 2) {
            fault_from = from;
            fault_to = to;
        }
        if (strstr(line, "libuv.so") && strstr(line, "r-x") && sscanf(line, "%lx-%lx", &from, &to) == 2) {
            fault_libuv_from = from;
            fault_libuv_to = to;
        }
    }
    fclose(maps);
}

/* Answers how the process ended: 0, the number of a signal, or 100 + its status. */
static inline int fault_try(const char *kind, void (*session)(const char *), int call, long n) {
    int status;
    memset(fault_shared, 0, sizeof *fault_shared);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        alarm(FAULT_SECONDS);
        fault_call = call;
        fault_at = n;
        fault_is_outside = 1;
        session(kind);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? 100 + WEXITSTATUS(status) : 0;
}

/* Tries every n, or some, of every call in a session. Answers how many came to a bad end. */
static inline int fault_run(const char *kind, void (*session)(const char *), int is_whole) {
    int failures = 0;
    fault_shared = mmap(NULL, sizeof *fault_shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(fault_shared != MAP_FAILED);
    fault_find();
    CHECK(fault_from);
    for (int call = 0; call < FAULT_CALLS; call++) {
        long tried = 0, hit = 0, errors = 0, calls, kept;
        CHECK_NUMBER(fault_try(kind, session, call, -1000000), 0);
        CHECK_NUMBER(fault_shared->error, 0);
        calls = fault_shared->calls;
        kept = fault_shared->kept;
        long step = is_whole || calls < 12 ? 1 : call <= ALLOCATIONS ? calls / 12 : calls / 4 + 1;
        /* What takes its time counts a few more or less. */
        for (long n = 0; n < calls + (is_whole ? 3 : 0); n += step) {
            int end = fault_try(kind, session, call, n);
            tried++;
            hit += fault_shared->is_hit;
            errors += fault_shared->error != 0;
            int is_kept = fault_shared->kept > kept + 2;
            if (end == 0 && !is_kept)
                continue;
            failures++;
            printf("%s, %s %ld: %s %d, %ld blocks more are kept %s\n", kind, fault_names[call], n,
                   end >= 100 ? "status" : "signal", end >= 100 ? end - 100 : end, fault_shared->kept - kept,
                   fault_shared->place);
        }
        if (tried > 0)
            printf("%-10s %-22s calls %5ld, tried %5ld, failed %5ld, errors answered %5ld\n", kind, fault_names[call],
                   calls, tried, hit, errors);
        fflush(stdout);
    }
    return failures > 0;
}
#endif
