/* A handle that is freed twice, or after its owner was, is ignored: the next ones are whole and apart.
 * Variants: config server engine */
#include "client.h"
#include "world.h"

static void free_configs(void) {
    char text[16];
    hearth_config *freed = hearth_config_new();
    hearth_config_free(freed);
    hearth_config_free(freed);
    hearth_config *first = hearth_config_new(), *second = hearth_config_new();
    CHECK(first && second && first != second);
    CHECK_NUMBER(hearth_config_set(first, "threads", "2"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(second, "threads", "3"), HEARTH_OK);
    CHECK(hearth_config_get(first, "threads", text, sizeof text) > 0);
    CHECK_TEXT(text, "2");
    hearth_config_free(first);
    CHECK(hearth_config_get(second, "threads", text, sizeof text) > 0);
    CHECK_TEXT(text, "3");
    hearth_config_free(second);
}

static void free_server_and_engine(struct world *world) {
    CHECK_NUMBER(hearth_server_free(world->server), HEARTH_OK);
    world_free(world);
}

static void free_engine_twice(struct world *world) {
    hearth_engine *engine = world->engine;
    hearth_server *server = world->server;
    world_free(world);
    CHECK(hearth_engine_free(engine) < 0);
    CHECK(hearth_server_free(server) < 0);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    if (strcmp(arguments[1], "config") == 0) {
        free_configs();
        return 0;
    }
    struct world *freed = world_new("");
    world_start(freed);
    if (strcmp(arguments[1], "server") == 0)
        free_server_and_engine(freed);
    else
        free_engine_twice(freed);
    struct world *first = world_new(""), *second = world_new("");
    first->on_event = second->on_event = echo;
    int fd = client_open(world_start(first), "/"), other = client_open(world_start(second), "/");
    world_free(first);
    client_expect_end(fd);
    client_send_text(other, "still here");
    client_expect_text(other, "still here");
    client_close(other, 1000);
    world_free(second);
    return 0;
}
