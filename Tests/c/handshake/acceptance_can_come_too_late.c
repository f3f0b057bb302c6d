/* To accept a peer that was refused after open_timeout, or that has left, is HEARTH_ERR_GONE.
 * Variants: after_open_timeout after_the_peer_left */
#include "driven.h"

int main(int count, char **arguments) {
    char head[8192], address[64];
    CHECK(count == 2);
    int waits = strcmp(arguments[1], "after_open_timeout") == 0;
    struct world *world = world_new(waits ? "open_timeout=100ms" : "");
    world_route(world, "/", "accept=ask");
    int fd = client_connect(world_drive(world));
    client_send_upgrade(fd, "/", "");
    hearth_connection asked = world_turn_until(world, HEARTH_EVENT_CONNECT, 1)->connection;
    if (waits) {
        TURN_UNTIL(world, is_readable(fd));
        CHECK(client_read_head(fd, head, sizeof head) >= 500);
    } else {
        client_cut(fd);
        TURN_UNTIL(world, hearth_connection_address(asked, address, sizeof address) < 0);
    }
    CHECK_NUMBER(hearth_connection_accept(asked, NULL, NULL), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_reject(asked, 403, NULL), HEARTH_ERR_GONE);
    world_turn(world);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_OPEN), 0);
    if (waits)
        close(fd);
    world_free(world);
    return 0;
}
