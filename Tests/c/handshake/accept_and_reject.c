/* The host accepts, refuses with an HTTP status or with a close code, or does not answer in time. */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    if (event->type != HEARTH_EVENT_CONNECT)
        return;
    if (strcmp(event->path, "/accept") == 0) {
        hearth_connection peer = event->connection;
        char text[64];
        CHECK_NUMBER(hearth_connection_set_principal(peer, "eve", "a  b", "{\"n\":1}"), HEARTH_OK);
        CHECK_NUMBER(hearth_connection_set_principal(peer, "", NULL, NULL), HEARTH_ERR_INVALID);
        CHECK_NUMBER(hearth_connection_scopes(peer, text, sizeof text), sizeof "a\0b");
        CHECK(memcmp(text, "a\0b", sizeof "a\0b") == 0);
        CHECK_NUMBER(hearth_connection_claims(peer, text, sizeof text), strlen("{\"n\":1}"));
        CHECK_NUMBER(hearth_connection_accept(event->connection, "ann", NULL), HEARTH_OK);
        CHECK_NUMBER(hearth_connection_set_principal(peer, "eve", NULL, NULL), HEARTH_ERR_STATE);
        CHECK_NUMBER(hearth_connection_accept(event->connection, "ann", NULL), HEARTH_ERR_STATE);
        CHECK_NUMBER(hearth_connection_reject(event->connection, 403, NULL), HEARTH_ERR_STATE);
    } else if (strcmp(event->path, "/status") == 0) {
        CHECK_NUMBER(hearth_connection_reject(event->connection, 403, "not you"), HEARTH_OK);
    } else if (strcmp(event->path, "/code") == 0) {
        CHECK_NUMBER(hearth_connection_reject(event->connection, 4401, "who?"), HEARTH_OK);
    } else {
        world->extra = (void *)(uintptr_t)event->connection;
    }
}

int main(void) {
    struct world *world = world_new("open_timeout=300ms");
    char head[8192];
    world->on_event = on_event;
    world_route(world, "/{name}", "accept=ask");
    int port = world_start(world);

    int fd = client_open(port, "/accept");
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->user, "ann");
    client_close(fd, 1000);

    fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/status", "", head, sizeof head), 403);
    CHECK(strcasestr(head, "content-length: 7\r\n"));
    CHECK(client_read(fd, head, 7) && memcmp(head, "not you", 7) == 0);
    close(fd);

    fd = client_open(port, "/code");
    struct client_frame *frame = client_receive(fd);
    CHECK(frame && frame->opcode == CLIENT_CLOSE && frame->data[0] << 8 == (4401 & 0xFF00));
    CHECK_TEXT((char *)frame->data + 2, "who?");
    client_send_close(fd, 4401);
    client_expect_end(fd);

    fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/silence", "", head, sizeof head), 503);
    close(fd);
    /* From this thread the answer may be a turn of the loop old. */
    hearth_connection late = (hearth_connection)(uintptr_t)world->extra;
    for (int i = 0; i < 10000 && hearth_connection_accept(late, NULL, NULL) == HEARTH_OK; i++)
        usleep(1000);
    CHECK_NUMBER(hearth_connection_accept(late, NULL, NULL), HEARTH_ERR_GONE);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 1);
    world_free(world);
    return 0;
}
