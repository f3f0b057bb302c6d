/* All addresses of a name are tried: one that refuses gives way at once, one that stalls is left behind by
 * the next (RFC 8305), open_timeout holds for all of them, and each attempt asks for the name anew. */
#include "link.h"
#include <netdb.h>

/* What the name stands for: addresses in this order, each with the port. IPv6 if there is a colon. */
static const char *answers[8];
static int answer_port, lookups;
static pthread_mutex_t answers_lock = PTHREAD_MUTEX_INITIALIZER;

static struct addrinfo *make_entry(const char *text, int port) {
    struct addrinfo *entry = calloc(1, sizeof *entry);
    int is_six = strchr(text, ':') != NULL;
    struct sockaddr_in *four = calloc(1, sizeof(struct sockaddr_in));
    struct sockaddr_in6 *six = calloc(1, sizeof(struct sockaddr_in6));
    CHECK(entry && four && six);
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    CHECK(inet_pton(is_six ? AF_INET6 : AF_INET, text, is_six ? (void *)&six->sin6_addr : &four->sin_addr) ==
          1);
    entry->ai_family = is_six ? AF_INET6 : AF_INET;
    entry->ai_socktype = SOCK_STREAM;
    entry->ai_protocol = IPPROTO_TCP;
    entry->ai_addrlen = is_six ? sizeof *six : sizeof *four;
    entry->ai_addr = is_six ? (struct sockaddr *)six : (struct sockaddr *)four;
    free(is_six ? (void *)four : (void *)six);
    return entry;
}

/* In the place of the C library's, for libuv too. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    struct addrinfo **next = found;
    (void)service, (void)hints;
    CHECK_TEXT(node, "many.test");
    *found = NULL;
    pthread_mutex_lock(&answers_lock);
    lookups++;
    for (int i = 0; answers[i]; i++, next = &(*next)->ai_next)
        *next = make_entry(answers[i], answer_port);
    pthread_mutex_unlock(&answers_lock);
    return *found ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *entry) {
    while (entry) {
        struct addrinfo *next = entry->ai_next;
        free(entry->ai_addr);
        free(entry);
        entry = next;
    }
}

static int lookups_made(void) {
    pthread_mutex_lock(&answers_lock);
    int count = lookups;
    pthread_mutex_unlock(&answers_lock);
    return count;
}

#define NAME_IS(port, ...) name_is(port, (const char *[]){__VA_ARGS__, NULL})

static void name_is(int port, const char **texts) {
    int i = 0;
    pthread_mutex_lock(&answers_lock);
    answer_port = port;
    do
        answers[i] = texts[i];
    while (texts[i++]);
    pthread_mutex_unlock(&answers_lock);
}

/* A socket that is bound, but takes no connection: connecting to it is neither refused nor done. */
struct stall {
    int listener, filling[4];
};

static struct stall stall_at(const char *text, int port) {
    struct stall stall;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    CHECK(inet_pton(AF_INET, text, &address.sin_addr) == 1);
    stall.listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(stall.listener >= 0);
    CHECK(bind(stall.listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(stall.listener, 0) == 0);
    for (int i = 0; i < 4; i++) {
        stall.filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(stall.filling[i], (struct sockaddr *)&address, sizeof address);
    }
    return stall;
}

static void stall_end(struct stall *stall) {
    for (int i = 0; i < 4; i++)
        close(stall->filling[i]);
    close(stall->listener);
}

static void finish(struct link *link, int listener, size_t opens) {
    int fd = accept_open(listener);
    link_wait(link, HEARTH_CLIENT_OPEN, opens);
    CHECK(link_send(link, "here") > 0);
    expect_masked_text(fd, "here");
    reset(fd);
}

static void the_next_one_is_tried_at_once(const char *url, int port, int listener) {
    struct link *link = link_new(0, url, "reconnect_max_attempts=0");
    NAME_IS(port, "::1", "127.0.0.3", "127.0.0.1", "127.0.0.4");
    link_start(link);
    finish(link, listener, 1);
    CHECK_NUMBER(lookups_made(), 1);
    /* In between the server has moved. */
    NAME_IS(port, "127.0.0.1", "::1");
    finish(link, listener, 2);
    CHECK_NUMBER(lookups_made(), 2);
    link_free(link);
}

static void one_that_stalls_is_left_behind(const char *url, int port, int listener) {
    struct stall first = stall_at("127.0.0.5", port), second = stall_at("127.0.0.6", port);
    struct link *link = link_new(0, url, "reconnect_enabled=off open_timeout=20s");
    NAME_IS(port, "127.0.0.5", "127.0.0.6", "127.0.0.1");
    link_start(link);
    finish(link, listener, 1);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_CLOSED, 1)->error, HEARTH_ERR_LOST);
    CHECK_NUMBER(link_count(link, HEARTH_EVENT_CLIENT_STATE, HEARTH_CLIENT_CONNECTING), 1);
    link_free(link);

    /* Nobody else: the timeout is one for both. */
    link = link_new(0, url, "reconnect_enabled=off open_timeout=600ms");
    NAME_IS(port, "127.0.0.5", "127.0.0.6");
    link_start(link);
    struct happening *end = link_wait(link, HEARTH_CLIENT_GAVE_UP, 1);
    CHECK_NUMBER(end->error, HEARTH_ERR_CONNECT_TIMEOUT);
    link_free(link);
    stall_end(&first);
    stall_end(&second);
}

int main(void) {
    int port = 0, listener = listen_anywhere(&port);
    char url[64];
    snprintf(url, sizeof url, "ws://many.test:%d/", port);
    the_next_one_is_tried_at_once(url, port, listener);
    one_that_stalls_is_left_behind(url, port, listener);

    struct link *link = link_new(0, url, "reconnect_enabled=off");
    NAME_IS(port, "::1", "127.0.0.3");
    link_start(link);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_CONNECT);
    link_free(link);
    link = link_new(0, url, "reconnect_enabled=off");
    name_is(port, (const char *[]){NULL});
    link_start(link);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_RESOLVE);
    link_free(link);
    close(listener);
    return 0;
}
