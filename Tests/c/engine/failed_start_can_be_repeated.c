/* An engine that could not be started for want of descriptors keeps none, answers errors and can be started
 * later.
 * Variants: drive start */
#include "world.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { descriptors_max = 64, tries = 3 };

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < descriptors_max; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int start(struct world *world, const char *variant) {
    return strcmp(variant, "drive") == 0 ? hearth_engine_drive(world->engine)
                                         : hearth_engine_start(world->engine);
}

int main(int count, char **arguments) {
    int taken[descriptors_max], last = 0;
    struct rlimit limit = {descriptors_max, descriptors_max};
    hearth_event event;
    CHECK(count == 2);
    struct world *world = world_new("threads=2");
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while ((taken[last] = dup(STDERR_FILENO)) >= 0)
        last++;
    for (int i = 0; i < tries; i++) {
        int before = open_descriptors();
        CHECK_NUMBER(start(world, arguments[1]), HEARTH_ERR_SYSTEM);
        CHECK_NUMBER(open_descriptors(), before);
        CHECK(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0) < 0);
        CHECK(hearth_engine_fd(world->engine) < 0);
        close(taken[--last]);
    }
    while (last > 0)
        close(taken[--last]);
    CHECK_NUMBER(start(world, arguments[1]), HEARTH_OK);
    CHECK(hearth_engine_fd(world->engine) >= 0);
    CHECK_NUMBER(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0), 0);
    world_free(world);
    return 0;
}
