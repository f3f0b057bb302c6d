/* Servers that were freed, and peers whose tokens were refused, leave no memory behind. */
#include "client.h"
#include "token.h"
#include "world.h"
#include <malloc.h>

enum { ROUNDS = 1000 };

static size_t used(void) {
    return mallinfo2().uordblks;
}

static void make_servers(hearth_engine *engine, int count) {
    for (int round = 0; round < count; round++) {
        hearth_config *config = hearth_config_new();
        hearth_server *server = hearth_server_new(engine, config);
        CHECK(server);
        CHECK_NUMBER(hearth_server_free(server), HEARTH_OK);
        hearth_config_free(config);
    }
}

static void offer_token(int port, const char *token, int count) {
    char head[8192];
    for (int round = 0; round < count; round++) {
        int fd = client_connect(port);
        CHECK_NUMBER(client_upgrade(fd, "/", token_field(token), head, sizeof head), 401);
        close(fd);
    }
}

int main(void) {
    struct world *world = world_new(TOKEN_SETTINGS);
    int port = world_start(world);
    /* What is not JSON, and JSON that is no header. */
    const char *tokens[] = {"ew.e30.AAAA", "e30.e30.AAAA"};
    make_servers(world->engine, ROUNDS);
    size_t before = used();
    make_servers(world->engine, ROUNDS);
    CHECK(used() < before + ROUNDS * 16);
    for (int index = 0; index < 2; index++) {
        offer_token(port, tokens[index], ROUNDS);
        before = used();
        offer_token(port, tokens[index], ROUNDS);
        CHECK(used() < before + ROUNDS * 16);
    }
    world_free(world);
    return 0;
}
