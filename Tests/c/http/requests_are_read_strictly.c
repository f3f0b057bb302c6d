/* What two programs could read differently is refused or has one meaning: trailers are fields, the host of an
 * absolute target replaces Host, a condition names the exact state of a file, and 205 has no body.
 * Variants: trailers target conditions empty */
#include "client.h"
#include "world.h"
#include <fcntl.h>
#include <sys/stat.h>

static const char *variant;

static int is(const char *name) {
    return strcmp(variant, name) == 0;
}

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_HTTP_REQUEST)
        return;
    const char *host = "";
    for (size_t i = 0; i < event->headers_length;) {
        const char *name = event->headers + i, *value = name + strlen(name) + 1;
        if (strcmp(name, "host") == 0)
            host = value;
        i += strlen(name) + strlen(value) + 2;
    }
    CHECK_NUMBER(hearth_http_respond(event->connection, is("empty") ? 205 : 200, NULL, host, strlen(host)),
                 HEARTH_OK);
}

static struct http_response *ask(int port, const char *request) {
    int fd = client_connect(port);
    struct http_response *response = http_ask(fd, request, 1);
    close(fd);
    return response;
}

static void check_trailers(int port) {
    static const char *const bad[] = {"no colon", ": empty name", "X: a\r\n folded", "X : blank", "\tX: tab",
                                      "GET / HTTP/1.1\r\nHost: a", "X(: no token", "X"};
    static const char *const good[] = {"X: a", "X:", "X: a\r\nY: b:c"};
    char request[512];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] + sizeof good / sizeof good[0]; i++) {
        int is_bad = i < sizeof bad / sizeof bad[0];
        const char *trailer = is_bad ? bad[i] : good[i - sizeof bad / sizeof bad[0]];
        fprintf(stderr, "%s\n", trailer);
        snprintf(request, sizeof request,
                 "POST /host HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%s\r\n\r\n",
                 trailer);
        CHECK_NUMBER(ask(port, request)->status, is_bad ? 400 : 200);
    }
}

static int upgrade(int port, const char *target, const char *host, const char *origin) {
    char request[1024];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: %s\r\n\r\n",
             target, host, origin);
    return ask(port, request)->status;
}

static void check_target(int port) {
    const char *request = "POST http://a.example/host HTTP/1.1\r\nHost: b.example\r\nContent-Length: 0\r\n\r\n";
    CHECK_TEXT(ask(port, request)->body, "a.example");
    CHECK_NUMBER(upgrade(port, "/ws", "b.example", "http://b.example"), 101);
    CHECK_NUMBER(upgrade(port, "http://a.example/ws", "b.example", "http://b.example"), 403);
    CHECK_NUMBER(upgrade(port, "http://a.example/ws", "b.example", "http://a.example"), 101);
    CHECK_NUMBER(upgrade(port, "/ws", "b.example", "https://evil.example\\.good.example"), 403);
    CHECK_NUMBER(upgrade(port, "/ws", "b.example", "https://x.good.example"), 101);
}

static void check_conditions(int port, const char *path) {
    char request[1024], tag[2][128];
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(path, "w");
        CHECK(file && fputs(i ? "two" : "one", file) >= 0 && fclose(file) == 0);
        struct timespec times[2] = {{1700000000, 5 + i}, {1700000000, 5 + i}};
        CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
        const char *found = strstr(ask(port, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n")->head, "ETag: ");
        CHECK(found && sscanf(found, "ETag: %127s", tag[i]) == 1);
    }
    CHECK(strcmp(tag[0], tag[1]) != 0);
    struct {
        const char *name, *value;
        int status;
    } rows[] = {{"If-None-Match", tag[0], 200}, {"If-None-Match", tag[1], 304}, {"If-None-Match", "*", 304},
                {"If-Match", tag[0], 412},      {"If-Match", tag[1], 200},      {"If-Match", "*", 200}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(request, sizeof request, "GET /a HTTP/1.1\r\nHost: a\r\n%s: \"x\", %s\r\n\r\n", rows[i].name,
                 rows[i].value);
        if (rows[i].value[0] == '*')
            snprintf(request, sizeof request, "GET /a HTTP/1.1\r\nHost: a\r\n%s: *\r\n\r\n", rows[i].name);
        fprintf(stderr, "%s", request);
        CHECK_NUMBER(ask(port, request)->status, rows[i].status);
    }
    snprintf(request, sizeof request, "GET /a HTTP/1.1\r\nHost: a\r\nIf-None-Match: W/%s\r\n\r\n", tag[1]);
    CHECK_NUMBER(ask(port, request)->status, 304);
    snprintf(request, sizeof request, "GET /a HTTP/1.1\r\nHost: a\r\nIf-Match: W/%s\r\n\r\n", tag[1]);
    CHECK_NUMBER(ask(port, request)->status, 412);
}

int main(int count, char **arguments) {
    char root[] = "/tmp/hearth-test-XXXXXX", path[64], settings[256];
    CHECK(count == 2 && mkdtemp(root));
    variant = arguments[1];
    snprintf(path, sizeof path, "%s/a", root);
    snprintf(settings, sizeof settings, "server_root=%s allowed_origins=same-host,https://*.good.example",
             root);
    struct world *world = world_new(settings);
    world->on_event = on_event;
    world_route(world, "/host", "http=POST");
    world_route(world, "/ws", "");
    int port = world_start(world);
    if (is("trailers"))
        check_trailers(port);
    if (is("target"))
        check_target(port);
    if (is("conditions"))
        check_conditions(port, path);
    if (is("empty")) {
        const char *request = "POST /host HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        struct http_response *response = ask(port, request);
        CHECK_NUMBER(response->status, 205);
        CHECK(strcasestr(response->head, "\r\ncontent-length: 0\r\n"));
    }
    unlink(path);
    rmdir(root);
    world_free(world);
    return 0;
}
