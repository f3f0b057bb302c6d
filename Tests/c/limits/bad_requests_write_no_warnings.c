/* What a stranger can cause is no warning: 1,000 bad requests leave a log of warnings empty. */
#include "client.h"
#include "world.h"

static int lines;

static void count_line(void *context, const hearth_log_entry *entry) {
    (void)context;
    if (entry->level >= HEARTH_LOG_WARNING)
        __atomic_add_fetch(&lines, 1, __ATOMIC_SEQ_CST);
}

int main(void) {
    struct world *world = world_new("");
    char head[8192];
    hearth_engine_on_log(world->engine, count_line, NULL);
    int port = world_start(world);
    for (int index = 0; index < 1000; index++) {
        int fd = client_connect(port);
        CHECK(write(fd, "GET\r\n\r\n", 7) == 7);
        CHECK_NUMBER(client_read_head(fd, head, sizeof head), 400);
        close(fd);
    }
    world_free(world);
    CHECK_NUMBER(lines, 0);
    return 0;
}
