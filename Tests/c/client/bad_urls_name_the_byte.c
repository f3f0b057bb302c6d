/* An address that is none is refused when it is set, with a sentence and the byte at which it is wrong. */
#include "check.h"
#include <hearth.h>
#include <stdio.h>

static void expect(const char *url, int byte, const char *words) {
    char sentence[512], position[32];
    hearth_config *config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(config, "url", url), HEARTH_ERR_INVALID_VALUE);
    CHECK(hearth_config_error(config, sentence, sizeof sentence) > 0);
    snprintf(position, sizeof position, "byte %d", byte);
    if (!strstr(sentence, position) || !strstr(sentence, words))
        fprintf(stderr, "%s: %s\n", url, sentence);
    CHECK(strstr(sentence, position) && strstr(sentence, words));
    hearth_config_free(config);
}

int main(void) {
    expect("http://h/", 0, "ws://");
    expect("ws:/x", 3, "ws://");
    expect("ws://", 5, "host");
    expect("ws://h:65536", 11, "port");
    expect("ws://h:0/", 7, "port");
    expect("ws://[::g]/", 5, "IPv6");
    expect("ws://h/a b", 8, "percent");
    expect("ws://h/%4", 7, "hexadecimal");
    expect("ws://h/#part", 7, "fragment");
    expect("unix:", 5, "path");
    hearth_config *config = hearth_config_new();
    hearth_engine *engine = hearth_engine_new(config);
    CHECK(!hearth_client_new(engine, config));
    char sentence[512];
    CHECK(hearth_engine_error(engine, sentence, sizeof sentence) > 0);
    CHECK(strstr(sentence, "url"));
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
