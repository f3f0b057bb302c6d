/* Built without libjose, a server with keys cannot be made, and the sentence says why. */
#include "world.h"

int main(void) {
    char sentence[256];
    struct world *world = world_new("");
    CHECK_NUMBER(hearth_config_set(world->config, "jwt_secrets", "0123456789abcdef0123456789abcdef"),
                 HEARTH_OK);
    CHECK(!hearth_server_new(world->engine, world->config));
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0);
    CHECK(strstr(sentence, "HEARTH_WITH_JWT=ON"));
    CHECK_NUMBER(hearth_server_reload_keys(world->server), HEARTH_ERR_UNSUPPORTED);
    CHECK_NUMBER(hearth_server_route(world->server, "/", "auth=required"), HEARTH_ERR_UNSUPPORTED);
    world_free(world);
    return 0;
}
