/* Built without hiredis, a server of a cluster cannot be made, and the sentence says why; questions are
 * answered by the process alone. */
#include "world.h"

int main(void) {
    char sentence[256];
    struct world *world = world_new("");
    world_start(world);
    CHECK_NUMBER(hearth_config_set(world->config, "redis_url", "redis://127.0.0.1"), HEARTH_OK);
    CHECK(!hearth_server_new(world->engine, world->config));
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0);
    CHECK(strstr(sentence, "HEARTH_WITH_REDIS=ON"));
    CHECK(hearth_server_ask(world->server, HEARTH_SUBJECT_ROOM, "r", 0) > 0);
    CHECK(strstr(world_wait(world, HEARTH_EVENT_CLUSTER_ANSWER, 1)->data, "\"scope\":\"local\""));
    world_free(world);
    return 0;
}
