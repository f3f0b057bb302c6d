/* A server listens on IPv4, IPv6 and Unix sockets, reports the port that it got, and says what it cannot
 * listen on. */
#include "client.h"
#include "world.h"
#include <sys/stat.h>

static int start_status(const char *listen) {
    hearth_config *config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(config, "listen", listen), HEARTH_OK);
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    char sentence[256] = "";
    int status = server ? hearth_server_start(server) : HEARTH_ERR_ADDRESS;
    if (status != HEARTH_OK)
        CHECK(hearth_engine_error(engine, sentence, sizeof sentence) > 0);
    hearth_engine_free(engine);
    hearth_config_free(config);
    return status;
}

static void check_unix_socket(const char *path) {
    char setting[128];
    snprintf(setting, sizeof setting, "listen=unix:%s", path);
    struct world *world = world_new(setting);
    world->on_event = echo;
    CHECK_NUMBER(world_start(world), 0);
    int fd = client_open_on(client_connect_unix(path), "/");
    client_send_text(fd, "by file");
    client_expect_text(fd, "by file");
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->address, "unix");
    client_close(fd, 1000);
    world_free(world);
    struct stat status;
    CHECK(stat(path, &status) != 0);
}

int main(void) {
    char path[64], address[64];
    struct world *world = world_new("listen=127.0.0.1:0,[::1]:0");
    world->on_event = echo;
    int port = world_start(world), wanted;
    CHECK(port > 0);
    int length = snprintf(path, sizeof path, "127.0.0.1:%d", port);
    CHECK_NUMBER(hearth_server_address(world->server, 0, address, sizeof address), length);
    CHECK_TEXT(address, path);
    CHECK(hearth_server_address(world->server, 1, address, sizeof address) > 0);
    CHECK(sscanf(address, "[::1]:%d", &wanted) == 1 && wanted > 0);
    CHECK_NUMBER(hearth_server_address(world->server, 2, address, sizeof address), HEARTH_ERR_NOT_FOUND);
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)wanted)};
    six.sin6_addr = in6addr_loopback;
    int fd = client_prepare(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&six, sizeof six);
    client_open_on(fd, "/");
    CHECK(strncmp(world_wait(world, HEARTH_EVENT_OPEN, 1)->address, "[::1]:", 6) == 0);
    client_close(fd, 1000);
    client_close(client_open(port, "/"), 1000);

    CHECK_NUMBER(start_status(path), HEARTH_ERR_ADDRESS_IN_USE);
    world_free(world);
    CHECK_NUMBER(start_status("192.0.2.1:0"), HEARTH_ERR_ADDRESS);
    CHECK_NUMBER(start_status("256.0.0.1:80"), HEARTH_ERR_ADDRESS);
    CHECK_NUMBER(start_status("127.0.0.1:65536"), HEARTH_ERR_ADDRESS);
    CHECK_NUMBER(start_status("127.0.0.1"), HEARTH_ERR_ADDRESS);
    snprintf(path, sizeof path, "/tmp/hearth-test-%d.sock", getpid());
    check_unix_socket(path);
    return 0;
}
