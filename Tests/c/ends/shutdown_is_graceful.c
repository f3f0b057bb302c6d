/* A server that stops sends what it has, closes everyone with 1001 and the reason, takes nobody new and says
 * when it is done. */
#include "client.h"
#include "world.h"

int main(void) {
    struct world *world = world_new("");
    int port = world_start(world), clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 3);
    CHECK_NUMBER(hearth_server_broadcast(world->server, HEARTH_TEXT, "last words", 10, NULL), 3);
    CHECK_NUMBER(hearth_server_stop(world->server, "maintenance"), HEARTH_OK);
    CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_ERR_STATE);
    for (int i = 0; i < 3; i++) {
        client_expect_text(clients[i], "last words");
        struct client_frame *frame = client_receive(clients[i]);
        CHECK(frame && frame->opcode == CLIENT_CLOSE && frame->data[0] == 3 && frame->data[1] == 0xE9);
        CHECK_TEXT((char *)frame->data + 2, "maintenance");
        client_send_close(clients[i], 1001);
        client_expect_end(clients[i]);
    }
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1)->code, 0);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CLOSE), 3);
    CHECK(world_wait(world, HEARTH_EVENT_CLOSE, 1)->flags & HEARTH_EVENT_CLEAN);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) != 0);
    close(fd);
    world_free(world);
    return 0;
}
