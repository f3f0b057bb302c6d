/* A token that the library verified is in no event and in no line of the log, wherever the request had it. */
#include "client.h"
#include "token.h"
#include "world.h"

static char secret[1024];
static int lines;

static int contains(const void *text, size_t length, const char *part) {
    return text && memmem(text, length, part, strlen(part)) != NULL;
}

static void on_log(void *context, const hearth_log_entry *entry) {
    (void)context;
    __atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED);
    CHECK(!strstr(entry->message, secret) && !contains(entry->fields, entry->fields_length, secret));
}

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    CHECK(!contains(event->query, event->query_length, secret));
    CHECK(!contains(event->headers, event->headers_length, secret));
    CHECK(!contains(event->data, event->data_length, secret));
    if (event->type != HEARTH_EVENT_CONNECT)
        return;
    CHECK_TEXT(hearth_event_header(event, "authorization"), "Bearer ***");
    CHECK_TEXT(hearth_event_header(event, "sec-websocket-protocol"), "bearer, ***");
    CHECK_TEXT(hearth_event_header(event, "cookie"), "a=b; token=***");
    CHECK_TEXT(event->query, "a=1&token=***");
    CHECK_NUMBER(event->data_length, sizeof "bearer");
    CHECK_NUMBER(hearth_connection_accept(event->connection, NULL, secret), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_connection_accept(event->connection, NULL, "bearer"), HEARTH_OK);
}

int main(void) {
    struct world *world = world_new(TOKEN_SETTINGS " log_level=debug max_header_size=64KiB");
    char fields[4096], path[1100], head[8192];
    world->on_event = on_event;
    hearth_engine_on_log(world->engine, on_log, NULL);
    world_route(world, "/", "accept=ask");
    int port = world_start(world);
    for (int is_good = 0; is_good < 2; is_good++) {
        const char *token = token_for("ada", is_good ? 60 : -60, "");
        CHECK(strlen(token) < sizeof secret);
        strcpy(secret, token);
        snprintf(
            fields, sizeof fields,
            "Authorization: Bearer %s\r\nCookie: a=b; token=%s\r\nSec-WebSocket-Protocol: bearer, %s\r\n",
            secret, secret, secret);
        snprintf(path, sizeof path, "/?a=1&token=%s", secret);
        int fd = client_connect(port);
        CHECK_NUMBER(client_upgrade(fd, path, fields, head, sizeof head), is_good ? 101 : 401);
        CHECK(!strstr(head, secret));
        if (is_good) {
            CHECK(strstr(head, "\r\nSec-WebSocket-Protocol: bearer\r\n"));
            client_close(fd, 1000);
        } else {
            close(fd);
        }
    }
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->data, "bearer");
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK(__atomic_load_n(&lines, __ATOMIC_RELAXED) > 0);
    world_free(world);
    return 0;
}
