/* With prepare=on the program is asked before each attempt, and may bring another url and other headers. */
#include "link.h"

static int attempts;

static void bring_a_token(struct link *link, const hearth_event *event) {
    char url[64], headers[64];
    if (event->type != HEARTH_EVENT_CLIENT_PREPARE)
        return;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/try/%d", *(int *)link->extra, attempts);
    snprintf(headers, sizeof headers, "Authorization: Bearer t%d\nX-Try: yes", attempts++);
    CHECK_NUMBER(hearth_client_proceed(event->client, "ws://", NULL), HEARTH_ERR_URL);
    CHECK_NUMBER(hearth_client_proceed(event->client, NULL, "Upgrade: no"), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_client_proceed(event->client, NULL, "A: b\r\n\r\nGET /"), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_client_proceed(event->client, url, headers), HEARTH_OK);
}

static void expect_request(int fd, const char *path, const char *token) {
    char request[8192];
    read_request(fd, request, sizeof request);
    CHECK(strncmp(request, path, strlen(path)) == 0);
    CHECK(strstr(request, token));
    CHECK(strstr(request, "X-Try: yes\r\n"));
}

static void decline_it(struct link *link, const hearth_event *event) {
    (void)link;
    if (event->type != HEARTH_EVENT_CLIENT_PREPARE)
        return;
    char long_reason[1002];
    memset(long_reason, 'x', sizeof long_reason);
    long_reason[1001] = '\0';
    CHECK_NUMBER(hearth_client_decline(event->client, "\xff"), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_client_decline(event->client, long_reason), HEARTH_ERR_TOO_LARGE);
    const char *reason = event->attempt == 0 ? "no token" : event->attempt == 1 ? NULL : long_reason + 1;
    CHECK_NUMBER(hearth_client_decline(event->client, reason), HEARTH_OK);
    /* It is answered. */
    CHECK_NUMBER(hearth_client_decline(event->client, "again"), HEARTH_OK);
    CHECK_NUMBER(hearth_client_proceed(event->client, NULL, NULL), HEARTH_OK);
}

/* Who has nothing to connect with says so, and need not wait. */
static void decline(int port) {
    struct link *link = link_new(port, NULL, "prepare=on open_timeout=1h reconnect_max_attempts=3");
    CHECK_NUMBER(hearth_client_decline(link->client, NULL), HEARTH_ERR_STATE);
    link->on_event = decline_it;
    link_start(link);
    struct happening *end = link_wait(link, HEARTH_CLIENT_RECONNECTING, 1);
    CHECK_NUMBER(end->error, HEARTH_ERR_UNPREPARED);
    CHECK_TEXT(end->data, "no token");
    CHECK_TEXT(link_wait(link, HEARTH_CLIENT_RECONNECTING, 2)->data, "the program declined the attempt");
    end = link_wait(link, HEARTH_CLIENT_GAVE_UP, 1);
    CHECK_NUMBER(end->error, HEARTH_ERR_UNPREPARED);
    CHECK_NUMBER(end->data_length, 1000);
    CHECK_NUMBER(hearth_client_decline(link->client, NULL), HEARTH_OK);
    link_free(link);
}

int main(void) {
    int port = 0, listener = listen_anywhere(&port);
    struct link *link = link_new(port, NULL, "prepare=on open_timeout=300ms");
    link->on_event = bring_a_token;
    link->extra = &port;
    link_start(link);
    int fd = accept_one(listener);
    expect_request(fd, "GET /try/0 ", "Authorization: Bearer t0\r\n");
    client_write_text(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    close(fd);
    fd = accept_one(listener);
    expect_request(fd, "GET /try/1 ", "Authorization: Bearer t1\r\n");
    client_write_text(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    close(fd);
    struct happening *asked = link_wait_event(link, HEARTH_EVENT_CLIENT_PREPARE, 0, 2);
    CHECK_NUMBER(asked->error, HEARTH_ERR_UNAUTHORIZED);
    CHECK_NUMBER(asked->status, 401);
    CHECK(strstr(asked->path, "/try/0"));
    CHECK_NUMBER(asked->attempt, 1);
    fd = accept_open(listener);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    /* Who does not answer has no attempt. */
    __atomic_store_n(&link->on_event, NULL, __ATOMIC_RELEASE);
    reset(fd);
    struct happening *again = link_wait(link, HEARTH_CLIENT_RECONNECTING, 4);
    CHECK_NUMBER(again->error, HEARTH_ERR_UNPREPARED);
    link_free(link);
    decline(port);
    close(listener);
    return 0;
}
