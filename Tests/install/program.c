#include <hearth.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "listen", "127.0.0.1:0");
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    int is_listening = hearth_server_start(server) == HEARTH_OK && hearth_server_port(server) > 0;
    hearth_engine_free(engine);
    hearth_config_free(config);
    printf("%s\n", hearth_version());
    return is_listening && strcmp(hearth_version(), HEARTH_VERSION_STRING) == 0 ? 0 : 1;
}
