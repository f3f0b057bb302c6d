/* unix_mode is the mode of the file of a Unix socket, whatever the umask. The stop removes the file that was
 * bound, not a socket that took its place. */
#include "client.h"
#include "world.h"
#include <sys/stat.h>
#include <sys/un.h>

static char path[64];

static struct world *world_at_path(const char *settings) {
    char listen[80];
    struct world *world = world_new(settings);
    snprintf(listen, sizeof listen, "unix:%s", path);
    CHECK_NUMBER(hearth_config_set(world->config, "listen", listen), HEARTH_OK);
    hearth_server_free(world->server);
    world->server = hearth_server_new(world->engine, world->config);
    return world;
}

static void expect_mode(const char *settings, mode_t mode) {
    struct stat found;
    struct world *world = world_at_path(settings);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK(stat(path, &found) == 0);
    CHECK_NUMBER(found.st_mode & 07777, mode);
    world_free(world);
    CHECK(stat(path, &found) != 0);
}

static void expect_refusal(const char *settings) {
    char sentence[512] = "";
    struct world *world = world_at_path(settings);
    CHECK(hearth_server_start(world->server) != HEARTH_OK);
    hearth_engine_error(world->engine, sentence, sizeof sentence);
    CHECK(strstr(sentence, "unix_mode"));
    world_free(world);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/hearth-mode-%d.sock", (int)getpid());
    unlink(path);
    umask(0);
    expect_mode("", 0660);
    expect_mode("unix_mode=0600", 0600);
    umask(0777);
    expect_mode("unix_mode=0666", 0666);
    umask(022);
    expect_refusal("unix_mode=0888");
    expect_refusal("unix_mode=1777");
    expect_refusal("unix_mode=rw");

    struct world *world = world_at_path("");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat found;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    CHECK(unlink(path) == 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    world_free(world);
    CHECK(stat(path, &found) == 0);
    close(fd);
    unlink(path);
    return 0;
}
