/* Files of one folder are served, with their type, and nothing outside of it. */
#include "client.h"
#include "world.h"
#include <sys/stat.h>

static void write_file(const char *folder, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static struct http_response *get(int port, const char *method, const char *path) {
    char request[512];
    int fd = client_connect(port);
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", method, path);
    struct http_response *response = http_ask(fd, request, strcmp(method, "HEAD") != 0);
    client_expect_end(fd);
    return response;
}

static void check_refusals(int port) {
    static const char *const outside[] = {"/../secret", "/%2e%2e/secret", "/sub/../../secret", "/..%2fsecret",
                                          "/link",      "/sub",           "/missing",          "/.hidden",
                                          "//secret",   "/%00",           "/a.css%00.html"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        fprintf(stderr, "%s\n", outside[i]);
        struct http_response *response = get(port, "GET", outside[i]);
        CHECK(response->status >= 300 && response->status < 500);
        CHECK(!strstr(response->body, "secret text"));
    }
    CHECK_NUMBER(get(port, "POST", "/a.css")->status, 405);
}

int main(void) {
    char top[] = "/tmp/hearth-test-XXXXXX", root[64], path[128], setting[128];
    CHECK(mkdtemp(top));
    snprintf(root, sizeof root, "%s/root", top);
    snprintf(path, sizeof path, "%s/sub", root);
    CHECK(mkdir(root, 0755) == 0 && mkdir(path, 0755) == 0);
    write_file(top, "secret", "secret text");
    write_file(root, "index.html", "<p>index</p>");
    write_file(root, "a.css", "p {}");
    write_file(root, ".hidden", "secret text");
    write_file(root, "sub/b.js", "let b");
    snprintf(path, sizeof path, "%s/link", root);
    CHECK(symlink("../secret", path) == 0);

    snprintf(setting, sizeof setting, "server_root=%s", root);
    struct world *world = world_new(setting);
    world_route(world, "/ws", "");
    int port = world_start(world);
    struct http_response *response = get(port, "GET", "/");
    CHECK_NUMBER(response->status, 200);
    CHECK_TEXT(response->body, "<p>index</p>");
    CHECK(strcasestr(response->head, "\r\ncontent-type: text/html"));
    response = get(port, "GET", "/sub/b.js?version=1");
    CHECK_TEXT(response->body, "let b");
    CHECK(strcasestr(response->head, "\r\ncontent-type: text/javascript"));
    response = get(port, "HEAD", "/a.css");
    CHECK_NUMBER(response->status, 200);
    CHECK(strcasestr(response->head, "\r\ncontent-length: 4\r\n"));
    check_refusals(port);
    client_close(client_open(port, "/ws"), 1000);
    world_free(world);
    snprintf(path, sizeof path, "rm -r %s", top);
    CHECK(system(path) == 0);
    return 0;
}
