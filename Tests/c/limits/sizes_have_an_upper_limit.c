/* A size may be set up to one gibibyte and not to more, so that a frame and its bookkeeping stay
 * countable. */
#include "world.h"

int main(void) {
    static const char *const keys[] = {"max_message_size", "max_body_size", "max_outbox_bytes"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        hearth_config *config = hearth_config_new();
        char value[32], kept[32];
        CHECK_NUMBER(hearth_config_set(config, keys[i], "1GiB"), HEARTH_OK);
        CHECK(hearth_config_get(config, keys[i], kept, sizeof kept) > 0);
        CHECK_NUMBER(hearth_config_set(config, keys[i], "1073741825"), HEARTH_ERR_INVALID_VALUE);
        CHECK_NUMBER(hearth_config_set(config, keys[i], "4GiB"), HEARTH_ERR_INVALID_VALUE);
        CHECK(hearth_config_get(config, keys[i], value, sizeof value) > 0);
        CHECK_TEXT(value, kept);
        hearth_config_free(config);
    }
    return 0;
}
