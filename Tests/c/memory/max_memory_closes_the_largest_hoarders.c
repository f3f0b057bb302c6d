/* Many peers with a large message each that they do not finish cannot make the library hold more than
 * max_memory: those that hold most are closed with 1013, those that hold little go on, new ones are served.
 * Variants: unfinished fragmented body */
#include "client.h"
#include "world.h"
#include <poll.h>

enum { hoarders = 60, part = 900 << 10 };

static int told;

static void read_log(void *context, const hearth_log_entry *entry) {
    (void)context;
    if (strstr(entry->message, "memory is low"))
        __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

/* Sends as much as is taken; a server that refuses more has answered. */
static void pour(int fd, const void *data, size_t length) {
    const char *from = data;
    while (length > 0) {
        struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
        CHECK(poll(&ready, 1, 20000) == 1);
        if (ready.revents & (POLLIN | POLLHUP | POLLERR))
            return;
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent > 0) {
            from += sent;
            length -= (size_t)sent;
        }
    }
}

static int begin(int port, const char *variant) {
    static const unsigned char head[14] = {0x82, 0xFF, 0, 0, 0, 0, 0, 0x0F, 0, 0, 0, 0, 0, 0};
    static const unsigned char fragment[14] = {0x02, 0xFF, 0, 0, 0, 0, 0, 0x0E, 0x10, 0, 0, 0, 0, 0};
    static char bytes[part];
    if (strcmp(variant, "body") == 0) {
        int fd = client_connect(port);
        client_write(fd, "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
                    sizeof "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" - 1);
        pour(fd, bytes, part);
        return fd;
    }
    int fd = -1;
    char answer[8192];
    /* While memory is low, a new one may be asked to come again. */
    for (int i = 0; fd < 0; i++) {
        CHECK(i < 1000);
        fd = client_connect(port);
        int status = client_upgrade(fd, "/", "", answer, sizeof answer);
        if (status == 101)
            break;
        CHECK_NUMBER(status, 503);
        close(fd);
        fd = -1;
        usleep(2000);
    }
    client_write(fd, strcmp(variant, "fragmented") == 0 ? fragment : head, 14);
    pour(fd, bytes, part);
    return fd;
}

int main(int count, char **arguments) {
    int fds[hoarders];
    CHECK(count == 2);
    struct world *world = world_new("max_memory=16MiB message_timeout=0 max_body_size=1MiB");
    CHECK_NUMBER(hearth_engine_on_log(world->engine, read_log, NULL), HEARTH_OK);
    world_route(world, "/post", "http=POST");
    world_route(world, "/", "");
    world->on_event = echo;
    int port = world_start(world);
    int modest = client_open(port, "/");
    for (int i = 0; i < hoarders; i++) {
        fds[i] = begin(port, arguments[1]);
        client_send_text(modest, "here");
        client_expect_text(modest, "here");
    }
    CHECK(__atomic_load_n(&told, __ATOMIC_SEQ_CST) >= 1);
    CHECK(__atomic_load_n(&told, __ATOMIC_SEQ_CST) < hoarders);
    if (strcmp(arguments[1], "body") != 0) {
        CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 20)->code, 1013);
        client_expect_close(fds[0], 1013);
    }
    for (int i = 0; i < hoarders; i++)
        close(fds[i]);
    client_send_text(modest, "still here");
    client_expect_text(modest, "still here");
    client_close(modest, 1000);
    world_free(world);
    return 0;
}
