/* A second answer to a request is refused: at once, while a file goes out on the same connection, and when
 * the peer has left. */
#include "driven.h"

enum { file_bytes = 30 << 20 };

static int respond(hearth_connection request) {
    return hearth_http_respond(request, 200, NULL, "x", 1);
}

static int is_refused(hearth_connection request) {
    int status = respond(request);
    return status == HEARTH_ERR_STATE || status == HEARTH_ERR_GONE;
}

int main(void) {
    char root[] = "/tmp/hearth-test-XXXXXX", path[64], setting[64], head[8192];
    CHECK(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a.bin", root);
    FILE *file = fopen(path, "w");
    CHECK(file && ftruncate(fileno(file), file_bytes) == 0 && fclose(file) == 0);
    snprintf(setting, sizeof setting, "server_root=%s", root);
    struct world *world = world_new(setting);
    world_route(world, "/page", "http=GET");
    int fd = client_connect(world_drive(world));
    client_write_text(fd, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
    hearth_connection request = world_turn_until(world, HEARTH_EVENT_HTTP_REQUEST, 1)->connection;
    CHECK_NUMBER(respond(request), HEARTH_OK);
    CHECK(is_refused(request));
    TURN_UNTIL(world, is_readable(fd));
    CHECK_TEXT(http_ask(fd, "", 1)->body, "x");
    client_write_text(fd, "GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    TURN_UNTIL(world, is_readable(fd));
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 200);
    CHECK(is_refused(request));
    char *received = calloc(1, file_bytes), *zeros = calloc(1, file_bytes);
    CHECK(received && zeros && world_read(world, fd, received, file_bytes));
    CHECK(memcmp(received, zeros, file_bytes) == 0);
    close(fd);
    TURN_UNTIL(world, respond(request) == HEARTH_ERR_GONE);
    world_free(world);
    free(received);
    free(zeros);
    CHECK(unlink(path) == 0 && rmdir(root) == 0);
    return 0;
}
