/* What a trusted proxy says of a peer's address is believed, what anybody else says is not: in forwarding
 * fields, and in the header of the PROXY protocol, in whatever pieces it comes. */
#include "client.h"
#include "world.h"

static char address[64];

static void opened(struct world *world, int fd, const char *path, const char *fields, size_t nth) {
    char head[8192], again[64];
    CHECK_NUMBER(client_upgrade(fd, path, fields, head, sizeof head), 101);
    struct record *record = world_wait(world, HEARTH_EVENT_OPEN, nth);
    snprintf(address, sizeof address, "%s", record->address);
    CHECK(hearth_connection_address(record->connection, again, sizeof again) > 0);
    CHECK_TEXT(again, address);
}

static void check_fields(void) {
    struct world *world = world_new("trusted_proxies=127.0.0.1");
    int port = world_start(world);
    opened(world, client_connect(port), "/", "X-Forwarded-For: 203.0.113.9\r\n", 1);
    CHECK_TEXT(address, "203.0.113.9:0");
    opened(world, client_connect(port), "/", "Forwarded: for=203.0.113.9\r\n", 2);
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
    opened(world, client_connect(port), "/", "X-Forwarded-For: nonsense\r\n", 3);
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
    world_free(world);

    char folder[] = "/tmp/hearth-XXXXXX", path[64], settings[200];
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(settings, sizeof settings,
             "trusted_proxies=::1,unix forwarded_header=forwarded listen=127.0.0.1:0,unix:%s", path);
    world = world_new(settings);
    port = world_start(world);
    opened(world, client_connect(port), "/", "Forwarded: for=203.0.113.9\r\n", 1);
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
    opened(world, client_connect_unix(path), "/", "Forwarded: for=203.0.113.9:7\r\n", 2);
    CHECK_TEXT(address, "203.0.113.9:7");
    opened(world, client_connect_unix(path), "/", "", 3);
    CHECK_TEXT(address, "unix");
    world_free(world);
    CHECK(rmdir(folder) == 0);
}

static void write_slowly(int fd, const void *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        client_write(fd, (const char *)bytes + i, 1);
        if (i % 8 == 0)
            usleep(1000);
    }
}

static void expect_cut(int port, const void *bytes, size_t length) {
    char byte;
    int fd = client_connect(port);
    client_write(fd, bytes, length);
    CHECK(client_read(fd, &byte, 1) == 0);
    close(fd);
}

static void check_header(void) {
    static const char version1[] = "PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n",
                      version2[] =
                          "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x67\x01\xbb",
                      local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    struct world *world = world_new(
        "trusted_proxies=127.0.0.0/8 proxy_protocol=on handshake_timeout=5s max_connections_per_ip=1");
    int port = world_start(world), fd = client_connect(port);
    client_write(fd, version1, sizeof version1 - 1);
    /* The peer's own fields are not believed: it is no proxy. */
    opened(world, fd, "/", "X-Forwarded-For: 192.0.2.1\r\n", 1);
    CHECK_TEXT(address, "203.0.113.9:4711");
    fd = client_connect(port);
    write_slowly(fd, version2, sizeof version2 - 1);
    opened(world, fd, "/", "", 2);
    CHECK_TEXT(address, "[2001:db8::1]:4711");
    fd = client_connect(port);
    client_write(fd, local, sizeof local - 1);
    opened(world, fd, "/", "", 3);
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
    char head[8192];
    fd = client_connect(port);
    client_write(fd, version1, sizeof version1 - 1);
    CHECK_NUMBER(client_upgrade(fd, "/", "", head, sizeof head), 429);
    close(fd);
    expect_cut(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    expect_cut(port, "\r\n\r\n\0\r\nQUIT\n\x21\x99\0\0", 16);
    world_free(world);
}

static void check_strangers(void) {
    char head[8192];
    struct world *world = world_new("trusted_proxies=10.0.0.1 proxy_protocol=on");
    int port = world_start(world), fd = client_connect(port);
    client_write_text(fd, "PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n");
    CHECK_NUMBER(client_upgrade(fd, "/", "", head, sizeof head), 400);
    close(fd);
    opened(world, client_connect(port), "/", "X-Forwarded-For: 203.0.113.9\r\n", 1);
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
    world_free(world);

    char sentence[300];
    hearth_config *config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(config, "proxy_protocol", "on"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "trusted_proxies", "10.0.0.0/33"), HEARTH_ERR_INVALID_VALUE);
    hearth_engine *engine = hearth_engine_new(config);
    CHECK(!hearth_server_new(engine, config));
    hearth_engine_error(engine, sentence, sizeof sentence);
    CHECK(strstr(sentence, "trusted_proxies"));
    hearth_engine_free(engine);
    hearth_config_free(config);
}

int main(void) {
    check_fields();
    check_header();
    check_strangers();
    return 0;
}
