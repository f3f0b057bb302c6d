/* An engine for which the system refuses an epoll set, an eventfd, a pipe or a thread answers an error.
 * Without a thread it has begun and can only be freed; else it can be started later.
 * Variants: start drive */
#include "client.h"
#include "world.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

enum { descriptors_max = 64, calls_max = 40 };

/* Counts down to the call that is refused; below 0: none is. */
static int left = -1;
static int refused, threads_refused;

static int is_refused(void) {
    if (left < 0 || left-- > 0)
        return 0;
    refused = 1;
    errno = EMFILE;
    return 1;
}

int epoll_create1(int flags) {
    return is_refused() ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event) {
    return is_refused() ? -1 : (int)syscall(SYS_epoll_ctl, set, operation, fd, event);
}

int eventfd(unsigned count, int flags) {
    return is_refused() ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

int pipe2(int ends[2], int flags) {
    return is_refused() ? -1 : (int)syscall(SYS_pipe2, ends, flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *context) {
    static int (*original)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!original)
        original = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    if (!is_refused())
        return original(thread, attributes, body, context);
    threads_refused++;
    return EAGAIN;
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < descriptors_max; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    int is_driven = strcmp(arguments[1], "drive") == 0;
    int tries = 0;
    for (int n = 0; n < calls_max; n++) {
        struct world *world = world_new("io_uring=off");
        int before = open_descriptors();
        left = n;
        refused = threads_refused = 0;
        int status = is_driven ? hearth_engine_drive(world->engine) : hearth_engine_start(world->engine);
        left = -1;
        if (status != HEARTH_OK) {
            tries++;
            CHECK(refused);
            CHECK_NUMBER(status, HEARTH_ERR_SYSTEM);
        }
        /* libuv keeps its own epoll descriptor if a later one of the loop is refused. */
        if (status != HEARTH_OK && (is_driven || threads_refused == 0)) {
            CHECK(open_descriptors() - before <= 1);
            CHECK_NUMBER(is_driven ? hearth_engine_drive(world->engine) : hearth_engine_start(world->engine),
                         HEARTH_OK);
        }
        world_free(world);
        if (!refused)
            break;
        CHECK(n + 1 < calls_max);
    }
    CHECK(tries >= 5);
    return 0;
}
