/* However fast a peer takes a large file, one turn of the loop sends a part of it and ends. */
#include "driven.h"

enum { file_bytes = 256 << 20, turn_bytes_max = 10 << 20 };

static void *take_all(void *context) {
    static char block[1 << 20];
    int fd = *(int *)context;
    char head[8192];
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 200);
    for (long left = file_bytes; left > 0;) {
        ssize_t count = recv(fd, block, sizeof block, 0);
        CHECK(count > 0);
        left -= count;
    }
    return NULL;
}

int main(void) {
    char root[] = "/tmp/hearth-test-XXXXXX", path[64], setting[64];
    pthread_t thread;
    long turns = 0;
    alarm(40);
    CHECK(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a.bin", root);
    FILE *file = fopen(path, "w");
    CHECK(file && ftruncate(fileno(file), file_bytes) == 0 && fclose(file) == 0);
    snprintf(setting, sizeof setting, "server_root=%s", root);
    struct world *world = world_new(setting);
    int fd = client_connect(world_drive(world));
    client_write_text(fd, "GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(pthread_create(&thread, NULL, take_all, &fd) == 0);
    for (; pthread_tryjoin_np(thread, NULL) != 0; turns++)
        world_turn(world);
    fprintf(stderr, "%ld turns\n", turns);
    CHECK(turns >= file_bytes / turn_bytes_max);
    close(fd);
    world_free(world);
    CHECK(unlink(path) == 0 && rmdir(root) == 0);
    return 0;
}
