/* A refusal with a code that is none, or a reason that is not UTF-8, is an error for the host and status 500
 * for the peer, at once. A close reason that is too long is shortened, at a character. */
#include "client.h"
#include "world.h"

static const int wrong_codes[] = {1,    99,   200,  399,  600,  999,   1002, 1004,
                                  1005, 1006, 1015, 2999, 5000, 70000, -1};
enum { WRONG_CODES = sizeof wrong_codes / sizeof wrong_codes[0] };

static void refuse(struct world *world, const hearth_event *event) {
    (void)world;
    char reason[200] = "";
    if (event->type != HEARTH_EVENT_CONNECT)
        return;
    hearth_connection id = event->connection;
    int number = atoi(event->path + 1);
    if (number < WRONG_CODES) {
        CHECK_NUMBER(hearth_connection_reject(id, wrong_codes[number], "no"), HEARTH_ERR_INVALID);
        CHECK_NUMBER(hearth_connection_reject(id, 403, "no"), HEARTH_ERR_STATE);
    } else if (number == WRONG_CODES) {
        CHECK_NUMBER(hearth_connection_reject(event->connection, 4001, "\xFF"), HEARTH_ERR_INVALID);
    } else {
        /* 122 letters and a character of two bytes: half of it would fit. */
        memset(reason, 'a', 122);
        memcpy(reason + 122, "\xC3\xBC", 2);
        CHECK_NUMBER(hearth_connection_reject(event->connection, 4001, reason), HEARTH_OK);
    }
}

int main(void) {
    struct world *world = world_new("open_timeout=1h");
    char head[4096], path[16];
    world->on_event = refuse;
    world_route(world, "/{number}", "accept=ask");
    int port = world_start(world);
    for (int i = 0; i <= WRONG_CODES; i++) {
        int fd = client_connect(port);
        snprintf(path, sizeof path, "/%d", i);
        CHECK_NUMBER(client_upgrade(fd, path, "", head, sizeof head), 500);
        client_cut(fd);
    }
    int fd = client_connect(port);
    CHECK_NUMBER(client_upgrade(fd, "/100", "", head, sizeof head), 101);
    struct client_frame *close = client_receive(fd);
    CHECK_NUMBER(close->length, 2 + 122);
    client_cut(fd);
    world_free(world);
    return 0;
}
