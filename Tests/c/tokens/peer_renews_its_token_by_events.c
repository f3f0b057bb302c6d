/* On a route with events=authenticate a peer is told that its token ends, and renews it by an event that the
 * host never sees; a bad token changes nothing, and without a new one it is told of the end. */
#include "client.h"
#include "token.h"
#include "world.h"

static int open_for(int port, double seconds) {
    char head[8192];
    int fd = client_connect(port);
    const char *field = token_field(token_for("ada", seconds, ",\"id\":7"));
    CHECK_NUMBER(client_upgrade(fd, "/7", field, head, sizeof head), 101);
    return fd;
}

static void give(int fd, const char *token) {
    char text[4200];
    snprintf(text, sizeof text, "{\"type\":\"authenticate\",\"data\":{\"token\":\"%s\"}}", token);
    client_send_text(fd, text);
}

/* The next text that is not a notice begins so. */
static void expect(int fd, const char *start, const char *other) {
    struct client_frame *frame;
    do {
        frame = client_receive(fd);
        CHECK(frame && frame->opcode == CLIENT_TEXT);
    } while (other && strncmp((char *)frame->data, other, strlen(other)) == 0);
    if (strncmp((char *)frame->data, start, strlen(start)) != 0)
        fprintf(stderr, "%.*s\n", (int)frame->length, (char *)frame->data);
    CHECK(strncmp((char *)frame->data, start, strlen(start)) == 0);
}

int main(void) {
    static const char notice[] = "{\"type\":\"expiring\",\"data\":{\"seconds\":";
    struct world *world = world_new(TOKEN_SETTINGS " expiry_notice_interval=100ms expiry_notice_window=1h");
    world_route(world, "/{id}", "dialect=json,events=authenticate,event=on,claim:id={id}");
    int port = world_start(world);

    int fd = open_for(port, 60);
    client_send_text(fd, "{\"type\":\"authenticate\"}");
    expect(fd, "{\"type\":\"error\",\"code\":\"token_required\"", notice);
    give(fd, "x.y.z");
    expect(fd, "{\"type\":\"error\",\"code\":\"invalid_token\"", notice);
    give(fd, token_for("eve", 60, ",\"id\":7"));
    expect(fd, "{\"type\":\"error\",\"code\":\"token_not_allowed\"", notice);
    give(fd, token_for("ada", 60, ",\"id\":8"));
    expect(fd, "{\"type\":\"error\",\"code\":\"token_not_allowed\"", notice);
    give(fd, token_for("ada", 7200.9, ",\"id\":7"));
    expect(fd, "{\"type\":\"authenticate\",\"data\":{\"seconds\":7200}}", notice);

    give(fd, token_for("ada", 0.35, ",\"id\":7"));
    expect(fd, "{\"type\":\"authenticate\",\"data\":{\"seconds\":0}}", notice);
    expect(fd, "{\"type\":\"expiring\",\"data\":{\"seconds\":1}}", NULL);
    expect(fd, "{\"type\":\"expired\"}", notice);
    client_expect_close(fd, 4106);
    client_send_close(fd, 4106);
    client_expect_end(fd);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 4106);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_MESSAGE), 0);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_EXPIRED), 1);
    world_free(world);
    return 0;
}
