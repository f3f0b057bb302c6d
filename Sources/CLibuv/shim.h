/* libuv, and the few system headers that sockets need. Static inline functions stand in only for
 * what Swift cannot import: macros and variadic functions. */
#ifndef HEARTH_CLIBUV_SHIM_H
#define HEARTH_CLIBUV_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#if defined(__linux__) && !defined(_GNU_SOURCE)
/* glibc declares them under _GNU_SOURCE only, with which its fd_set is another type than in Swift's own modules. */
extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
extern int pipe2(int ends[2], int flags);
extern int memfd_create(const char *name, unsigned flags);
#endif

static inline int hearth_shim_errno(void) { return errno; }
static inline void hearth_shim_set_errno(int error) { errno = error; }

static inline long hearth_shim_physical_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 && pages < LONG_MAX / bytes ? pages * bytes : LONG_MAX;
}

/* 0: there is no limit. */
static inline long hearth_shim_address_bytes_max(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
    return limit.rlim_cur < LONG_MAX ? (long)limit.rlim_cur : LONG_MAX;
}

static inline void hearth_shim_prefetch(const void *address) { __builtin_prefetch(address); }

extern char **environ;
static inline char **hearth_shim_environ(void) { return environ; }

static inline int hearth_shim_open_read(const unsigned char *path) {
    return open((const char *)path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static inline int hearth_shim_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }

static inline int hearth_shim_close_on_exec(int descriptor) { return fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

/* Whoever made the socket: sendfile() waits unless the socket itself says that it does not block. */
static inline int hearth_shim_do_not_block(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || flags & O_NONBLOCK) return flags;
    return fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

static inline int hearth_shim_is_file(const struct stat *status) { return S_ISREG(status->st_mode); }
static inline int hearth_shim_is_socket(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}
/* Device and inode of the socket file at a path; not 0: there is none. */
static inline int hearth_shim_socket_file(const char *path, uint64_t *device, uint64_t *inode) {
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return -1;
    *device = (uint64_t)status.st_dev;
    *inode = (uint64_t)status.st_ino;
    return 0;
}
static inline int hearth_shim_is_folder(const struct stat *status) { return S_ISDIR(status->st_mode); }

/* glibc declares their addresses as transparent unions, which Swift does not import. */
static inline int hearth_shim_bind(int descriptor, const void *address, socklen_t size) {
    return bind(descriptor, (const struct sockaddr *)address, size);
}
static inline int hearth_shim_connect(int descriptor, const void *address, socklen_t size) {
    return connect(descriptor, (const struct sockaddr *)address, size);
}
static inline int hearth_shim_getsockname(int descriptor, void *address, socklen_t *size) {
    return getsockname(descriptor, (struct sockaddr *)address, size);
}

static inline int hearth_shim_getpeername(int descriptor, void *address, socklen_t *size) {
    return getpeername(descriptor, (struct sockaddr *)address, size);
}

/* The struct is packed, and its data a union: here they are what they are used as. */
static inline int hearth_shim_epoll_control(int set, int operation, int descriptor, uint32_t events, uint64_t name) {
    struct epoll_event event = {.events = events, .data = {.u64 = name}};
    return epoll_ctl(set, operation, descriptor, &event);
}

static inline uint32_t hearth_shim_epoll_events(const struct epoll_event *found, int index) {
    return found[index].events;
}

static inline uint64_t hearth_shim_epoll_name(const struct epoll_event *found, int index) {
    return found[index].data.u64;
}

/* Runs the function on a thread that nobody joins. 0: it was made. */
static inline int hearth_shim_detach(void *(*body)(void *), void *context) {
    pthread_t thread;
    int status = pthread_create(&thread, NULL, body, context);
    if (status == 0) pthread_detach(thread);
    return status;
}

/* accept4 and pipe2 set the flags in the same step where the system has them. */
static inline int hearth_shim_accept(int listener, void *address, socklen_t *length) {
#if defined(__linux__)
    return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    int descriptor = accept(listener, (struct sockaddr *)address, length);
    if (descriptor >= 0) {
        fcntl(descriptor, F_SETFL, O_NONBLOCK);
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
    return descriptor;
#endif
}

static inline int hearth_shim_pipe(int ends[2]) {
#if defined(__linux__)
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
#else
    if (pipe(ends) != 0) return -1;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
#endif
}

/* A file in memory with these bytes, or a negative errno. None is made that the process' limit for the size of files
 * would cut off, as the system sends a signal then. */
static inline int hearth_shim_memory_file(const void *pieces, int count, size_t bytes) {
    const unsigned close_on_exec = 1; /* MFD_CLOEXEC */
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return -errno;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < bytes) return -EFBIG;
    int descriptor = memfd_create("hearth", close_on_exec);
    if (descriptor < 0) return -errno;
    ssize_t written = writev(descriptor, (const struct iovec *)pieces, count);
    if (written >= 0 && (size_t)written == bytes) return descriptor;
    int error = written < 0 ? errno : ENOSPC;
    close(descriptor);
    return -error;
}

/* From the file's first byte. Returns how many bytes the socket took, or a negative errno. */
static inline ssize_t hearth_shim_send_file(int descriptor, int file, size_t bytes) {
    off_t start = 0;
    ssize_t sent = sendfile(descriptor, file, &start, bytes);
    return sent < 0 ? -errno : sent;
}

/* sendfile() cannot be told to raise no SIGPIPE. So the signal is held back on this thread meanwhile, and taken away
 * if it came. Whether it did, no result says: a call that sent a part before the peer was gone answers with that. */
struct hearth_held_signal {
    sigset_t mask;
    int was_pending;
};

static inline void hearth_shim_hold_signal(struct hearth_held_signal *held) {
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &held->mask);
    held->was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static inline void hearth_shim_let_signals_go(const struct hearth_held_signal *held) {
    if (!held->was_pending) {
        const struct timespec at_once = {0, 0};
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR) continue;
    }
    pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}

#endif
