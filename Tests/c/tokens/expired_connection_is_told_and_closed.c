/* Notices come with the seconds left, then EXPIRED once, then the close; whatever the host does meanwhile. */
#include "client.h"
#include "token.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_EXPIRING && strcmp(event->user, "leaving") == 0)
        CHECK_NUMBER(hearth_connection_close(event->connection, 1000, "bye"), HEARTH_OK);
    if (event->type == HEARTH_EVENT_EXPIRED && strcmp(event->user, "closed") == 0)
        CHECK_NUMBER(hearth_connection_close(event->connection, 3000, "by the host"), HEARTH_OK);
    if (event->type == HEARTH_EVENT_EXPIRED && strcmp(event->user, "last") == 0)
        hearth_server_free(world->server);
}

static int open_as(int port, const char *user, double seconds) {
    char head[8192];
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/", token_field(token_for(user, seconds, "")), head, sizeof head), 101);
    return fd;
}

int main(void) {
    struct world *world = world_new(TOKEN_SETTINGS " expiry_notice_interval=100ms ping_interval=50ms");
    world->on_event = on_event;
    int port = world_start(world);

    int fd = open_as(port, "ada", 0.35);
    client_send_text(fd, "hello");
    struct client_frame *frame;
    while ((frame = client_receive(fd)) && frame->opcode == CLIENT_PING)
        client_send_frame(fd, 0x8A, frame->data, frame->length);
    CHECK(frame && frame->opcode == CLIENT_CLOSE && frame->data[0] << 8 == (4106 & 0xFF00));
    CHECK_TEXT((char *)frame->data + 2, "the session has expired");
    client_send_close(fd, 4106);
    client_expect_end(fd);
    struct record *notice = world_wait(world, HEARTH_EVENT_EXPIRING, 1);
    CHECK_NUMBER(notice->code, 1);
    CHECK_TEXT(notice->user, "ada");
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_EXPIRED, 1)->user, "ada");
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 4106);
    CHECK(world_count(world, HEARTH_EVENT_EXPIRING) <= 3);

    fd = open_as(port, "leaving", 0.15);
    world_wait(world, HEARTH_EVENT_EXPIRING, world_count(world, HEARTH_EVENT_EXPIRING) + 1);
    client_close(fd, 1000);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 2)->code, 1000);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_EXPIRED), 1);

    fd = open_as(port, "closed", 0.15);
    while ((frame = client_receive(fd)) && frame->opcode == CLIENT_PING)
        client_send_frame(fd, 0x8A, frame->data, frame->length);
    CHECK(frame && frame->opcode == CLIENT_CLOSE && frame->data[0] << 8 == (3000 & 0xFF00));
    client_send_close(fd, 3000);
    client_expect_end(fd);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 3)->code, 3000);

    fd = open_as(port, "last", 0.15);
    world_wait(world, HEARTH_EVENT_EXPIRED, 3);
    client_expect_end(fd);
    world_wait(world, HEARTH_EVENT_CLOSE, 4);
    world_free(world);
    return 0;
}
