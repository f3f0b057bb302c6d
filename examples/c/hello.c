#include <hearth.h>

int main(int count, char **arguments) {
    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "listen", count > 1 ? arguments[1] : "127.0.0.1:9000");
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    hearth_server_route(server, "/rooms/{room}", "join=auto,relay=others");
    if (hearth_server_start(server) != HEARTH_OK)
        return 1;
    hearth_engine_run(engine);
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
