/* However a connection ends, each of its events comes once and in order, and CLOSE is the last.
 * Variants: peer_closes peer_cuts peer_ends_stream peer_breaks_protocol host_closes host_stops host_frees */
#include "client.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        CHECK_NUMBER(hearth_connection_accept(event->connection, "ann", NULL), HEARTH_OK);
}

static void end(struct world *world, const char *way, int fd, hearth_connection connection) {
    if (strcmp(way, "peer_closes") == 0) {
        client_close(fd, 1000);
    } else if (strcmp(way, "peer_cuts") == 0) {
        client_cut(fd);
    } else if (strcmp(way, "peer_ends_stream") == 0) {
        shutdown(fd, SHUT_WR);
        client_expect_end(fd);
    } else if (strcmp(way, "peer_breaks_protocol") == 0) {
        client_write(fd, "\xF1\x80", 2);
        client_expect_close(fd, 1002);
        client_expect_end(fd);
    } else if (strcmp(way, "host_closes") == 0) {
        CHECK_NUMBER(hearth_connection_close(connection, 4000, NULL), HEARTH_OK);
        client_expect_close(fd, 4000);
        client_send_close(fd, 4000);
        client_expect_end(fd);
    } else if (strcmp(way, "host_stops") == 0) {
        CHECK_NUMBER(hearth_server_stop(world->server, NULL), HEARTH_OK);
        client_close(fd, 1001);
    } else {
        CHECK_TEXT(way, "host_frees");
        CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
        client_expect_end(fd);
    }
}

int main(int count, char **arguments) {
    static const uint32_t order[] = {HEARTH_EVENT_CONNECT,     HEARTH_EVENT_OPEN, HEARTH_EVENT_JOINED,
                                     HEARTH_EVENT_USER_JOINED, HEARTH_EVENT_LEFT, HEARTH_EVENT_USER_LEFT,
                                     HEARTH_EVENT_CLOSE};
    CHECK(count == 2);
    struct world *world = world_new("");
    world->on_event = on_event;
    world_route(world, "/", "accept=ask,join=hall");
    int fd = client_open(world_start(world), "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_USER_JOINED, 1)->connection;
    end(world, arguments[1], fd, connection);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    hearth_engine_free(world->engine);
    CHECK_NUMBER(world->count - world_count(world, HEARTH_EVENT_SERVER_STOPPED), 7);
    for (size_t i = 0; i < 7; i++) {
        CHECK_NUMBER(world->records[i].type, order[i]);
        CHECK(world->records[i].connection == connection);
    }
    hearth_config_free(world->config);
    free(world);
    return 0;
}
