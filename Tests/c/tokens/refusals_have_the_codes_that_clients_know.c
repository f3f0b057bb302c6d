/* close_codes says with which codes the library refuses: its own, those that older clients know, or 1008. */
#include "client.h"
#include "token.h"
#include "world.h"

static void accept_as_ada(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, "ada", NULL);
}

static void expect_code(int port, const char *path, const char *field, int code) {
    char head[8192];
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, path, field, head, sizeof head), 101);
    client_expect_close(fd, code);
    client_send_close(fd, code);
    client_expect_end(fd);
}

/* No token, one that is forged, one that has expired, one that lacks a scope; one connection too many. */
static void expect_codes(const char *profile, const int *codes) {
    char settings[512];
    snprintf(settings, sizeof settings,
             TOKEN_SETTINGS " reject=close reject_delay=0 max_connections_per_user=1 user_limit_probe=200ms "
                            "close_codes=%s",
             profile);
    struct world *world = world_new(settings);
    world->on_event = accept_as_ada;
    world_route(world, "/scoped", "scopes=write");
    world_route(world, "/asked", "auth=public,accept=ask");
    int port = world_start(world);
    expect_code(port, "/scoped", "", codes[0]);
    expect_code(port, "/scoped", "Authorization: Bearer x.y.z\r\n", codes[1]);
    expect_code(port, "/scoped", token_field(token_for("ada", -60, "")), codes[2]);
    expect_code(port, "/scoped", token_field(token_for("ada", 60, ",\"scope\":\"read\"")), codes[3]);
    int fds[2] = {client_open(port, "/asked"), -1};
    world_wait(world, HEARTH_EVENT_OPEN, 1);
    /* The first must show that it lives while the second waits. */
    fds[1] = client_connect(port);
    client_send_upgrade(fds[1], "/asked", "");
    struct client_frame *frame = client_receive(fds[0]);
    CHECK(frame && frame->opcode == CLIENT_PING);
    client_send_frame(fds[0], 0x8A, frame->data, frame->length);
    char head[8192];
    CHECK_NUMBER(client_read_head(fds[1], head, sizeof head), 101);
    client_expect_close(fds[1], codes[4]);
    client_send_close(fds[1], codes[4]);
    client_expect_end(fds[1]);
    client_close(fds[0], 1000);
    world_free(world);
}

int main(void) {
    static const int own[] = {4500, 4501, 4106, 4502, 4503}, classic[] = {4001, 4003, 4003, 4003, 4008},
                     policy[] = {1008, 1008, 1008, 1008, 1008};
    expect_codes("own", own);
    expect_codes("classic", classic);
    expect_codes("policy", policy);
    return 0;
}
