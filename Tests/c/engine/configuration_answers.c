/* Settings are checked when they are set, read back as text, taken from the environment, and described. */
#include "world.h"

int main(void) {
    hearth_config *config = hearth_config_new();
    char text[256];
    CHECK_NUMBER(hearth_config_error(config, text, sizeof text), 0);
    CHECK_NUMBER(hearth_config_get(config, "ping_interval", text, sizeof text), 3);
    CHECK_TEXT(text, "20s");
    CHECK_NUMBER(hearth_config_set(config, "ping_interval", "1.5s"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_get(config, "ping_interval", NULL, 0), 4);
    CHECK_NUMBER(hearth_config_get(config, "ping_interval", text, 3), 4);
    CHECK_TEXT(text, "1.");
    CHECK_NUMBER(hearth_config_set(config, "pinginterval", "1s"), HEARTH_ERR_UNKNOWN_KEY);
    CHECK(hearth_config_error(config, text, sizeof text) > 0);
    CHECK_TEXT(text, "unknown key \"pinginterval\": did you mean \"ping_interval\"?");
    CHECK_NUMBER(hearth_config_set(config, "threads", "0"), HEARTH_ERR_INVALID_VALUE);
    CHECK(hearth_config_error(config, text, sizeof text) > 0);
    CHECK_TEXT(text, "threads: \"0\" is out of range: it must be from 1 to 256");
    CHECK_NUMBER(hearth_config_get(config, "nothing", text, sizeof text), HEARTH_ERR_UNKNOWN_KEY);

    setenv("WS_PING_INTERVAL", "30", 1);
    setenv("WS_SLOW_CONSUMER", "latest", 1);
    setenv("WS_SOMETHING_ELSE", "x", 1);
    CHECK_NUMBER(hearth_config_load_env(config, "WS_"), 2);
    CHECK(hearth_config_get(config, "slow_consumer", text, sizeof text) > 0);
    CHECK_TEXT(text, "latest");
    setenv("WS_THREADS", "many", 1);
    CHECK_NUMBER(hearth_config_load_env(config, "WS_"), HEARTH_ERR_INVALID_VALUE);
    CHECK(hearth_config_error(config, text, sizeof text) > 0);
    CHECK(strstr(text, "WS_THREADS"));
    unsetenv("WS_THREADS");
    setenv("WS_OUTBOX_MAX_BYTES", "1MiB", 1);
    CHECK_NUMBER(hearth_config_load_env(config, "WS_"), HEARTH_ERR_UNKNOWN_KEY);
    CHECK(hearth_config_error(config, text, sizeof text) > 0);
    CHECK_TEXT(text,
               "WS_OUTBOX_MAX_BYTES: unknown key \"outbox_max_bytes\": did you mean \"max_outbox_bytes\"?");
    CHECK(strstr(hearth_config_describe(), "{\"key\":\"threads\",\"type\":\"integer\",\"default\":\"1\""));
    hearth_config_free(config);
    return 0;
}
