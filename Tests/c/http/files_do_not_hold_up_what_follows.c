/* A request that follows a file on the same connection is answered once the file has gone out, with nothing
 * but the descriptor and the timeout of a driven engine to tell its host when to turn. */
#include "driven.h"

enum { file_bytes = 300000 };

int main(void) {
    char root[] = "/tmp/hearth-test-XXXXXX", path[64], setting[64], head[8192];
    static char body[file_bytes];
    CHECK(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a.bin", root);
    FILE *file = fopen(path, "w");
    CHECK(file && fwrite(body, 1, sizeof body, file) == sizeof body && fclose(file) == 0);
    snprintf(setting, sizeof setting, "server_root=%s", root);
    struct world *world = world_new(setting);
    int fd = client_connect(world_drive(world));
    client_write_text(fd, "GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    TURN_UNTIL(world, is_readable(fd));
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 200);
    CHECK(world_read(world, fd, body, sizeof body));
    for (int i = 0; !is_readable(fd); i++) {
        struct pollfd descriptor = {hearth_engine_fd(world->engine), POLLIN, 0};
        hearth_event event;
        int is_ready = hearth_engine_timeout(world->engine) == 0 || poll(&descriptor, 1, 100) == 1;
        CHECK(i < 100);
        if (is_ready)
            CHECK(hearth_engine_poll(world->engine, &event, sizeof(hearth_event), 1, 0) >= 0);
    }
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 404);
    close(fd);
    world_free(world);
    CHECK(unlink(path) == 0 && rmdir(root) == 0);
    return 0;
}
