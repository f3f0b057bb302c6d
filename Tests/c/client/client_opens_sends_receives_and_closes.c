/* A client connects to a server, messages go both ways, and a close by either side is told with its code. */
#include "link.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    world_route(world, "/", "");
    world->on_event = echo;
    struct link *link = link_new(world_start(world), NULL, "");
    hearth_client_info info = {.size = sizeof info};
    CHECK_NUMBER(hearth_client_get_info(link->client, &info), HEARTH_OK);
    CHECK_NUMBER(info.state, HEARTH_CLIENT_IDLE);
    link_start(link);
    link_wait(link, HEARTH_CLIENT_CONNECTING, 1);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_ERR_STATE);
    CHECK_NUMBER(link_send(link, "first"), 1);
    CHECK_NUMBER(hearth_client_send(link->client, HEARTH_BINARY, "second", 6, 0), 2);
    struct happening *message = link_wait_message(link, 1);
    CHECK_TEXT(message->data, "first");
    CHECK_NUMBER(message->opcode, HEARTH_TEXT);
    message = link_wait_message(link, 2);
    CHECK_TEXT(message->data, "second");
    CHECK_NUMBER(message->opcode, HEARTH_BINARY);
    char *large = malloc(500000);
    memset(large, 'x', 500000);
    CHECK_NUMBER(hearth_client_send(link->client, HEARTH_TEXT, large, 500000, 0), 3);
    CHECK_NUMBER(link_wait_message(link, 3)->data_length, 500000);
    free(large);
    CHECK_NUMBER(hearth_client_send(link->client, HEARTH_TEXT, "\xFF", 1, 0), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_client_get_info(link->client, &info), HEARTH_OK);
    CHECK_NUMBER(info.state, HEARTH_CLIENT_OPEN);
    CHECK_NUMBER(info.messages_received, 3);
    CHECK_NUMBER(info.messages_sent, 3);
    CHECK_NUMBER(info.opens, 1);
    CHECK_NUMBER(hearth_client_close(link->client, 4321, "enough"), HEARTH_OK);
    struct happening *closed = link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(closed->code, 4321);
    CHECK_NUMBER(closed->flags & HEARTH_EVENT_CLEAN, HEARTH_EVENT_CLEAN);
    CHECK_NUMBER(closed->error, HEARTH_OK);
    struct record *close = world_wait(world, HEARTH_EVENT_CLOSE, 1);
    CHECK_NUMBER(close->code, 4321);
    CHECK_TEXT(close->data, "enough");
    CHECK_NUMBER(link_send(link, "late"), HEARTH_ERR_STATE);

    /* Opened anew, and closed by the server. */
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    link_wait(link, HEARTH_CLIENT_OPEN, 2);
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 2)->connection;
    CHECK_NUMBER(hearth_connection_close(connection, 1008, "not you"), HEARTH_OK);
    closed = link_wait(link, HEARTH_CLIENT_CLOSED, 2);
    CHECK_NUMBER(closed->code, 1008);
    CHECK_TEXT(closed->data, "not you");
    CHECK_NUMBER(closed->flags, HEARTH_EVENT_CLEAN | HEARTH_EVENT_BY_PEER);
    link_free(link);
    world_free(world);
    return 0;
}
