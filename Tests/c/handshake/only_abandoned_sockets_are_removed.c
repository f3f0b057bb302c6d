/* listen=unix:PATH takes the place of a socket that nobody answers on. Any other file stays, at the start and
 * at the stop, and so does a socket that somebody answers on. */
#include "client.h"
#include "world.h"
#include <sys/stat.h>
#include <sys/un.h>

static char path[64];

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void expect_file(const char *text) {
    char found[64] = "";
    FILE *file = fopen(path, "r");
    CHECK(file && fgets(found, sizeof found, file) && fclose(file) == 0);
    CHECK_TEXT(found, text);
}

static void leave_a_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    close(fd);
}

static struct world *world_at_path(void) {
    char listen[80];
    struct world *world = world_new("");
    snprintf(listen, sizeof listen, "unix:%s", path);
    CHECK_NUMBER(hearth_config_set(world->config, "listen", listen), HEARTH_OK);
    hearth_server_free(world->server);
    world->server = hearth_server_new(world->engine, world->config);
    return world;
}

static void expect_refusal(const char *words) {
    char sentence[512] = "";
    struct world *world = world_at_path();
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_ERR_ADDRESS_IN_USE);
    hearth_engine_error(world->engine, sentence, sizeof sentence);
    CHECK(strstr(sentence, words));
    world_free(world);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/hearth-%d.sock", (int)getpid());
    unlink(path);
    write_file("precious");
    expect_refusal("is not a socket");
    expect_file("precious");
    unlink(path);

    leave_a_socket();
    struct world *world = world_at_path();
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_OK);
    int fd = client_open_on(client_connect_unix(path), "/");
    expect_refusal("in use");
    client_cut(fd);
    /* Somebody else's file by now. */
    unlink(path);
    write_file("precious");
    world_free(world);
    expect_file("precious");
    unlink(path);
    return 0;
}
