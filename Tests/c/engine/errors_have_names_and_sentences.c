/* Every error has a name and a sentence of its own, unknown numbers too have a sentence. */
#include "world.h"

static const char *const names[] = {"HEARTH_OK",
                                    "HEARTH_ERR_INVALID",
                                    "HEARTH_ERR_MEMORY",
                                    "HEARTH_ERR_UNKNOWN_KEY",
                                    "HEARTH_ERR_INVALID_VALUE",
                                    "HEARTH_ERR_GONE",
                                    "HEARTH_ERR_STATE",
                                    "HEARTH_ERR_FORKED",
                                    "HEARTH_ERR_THREAD",
                                    "HEARTH_ERR_TOO_LARGE",
                                    "HEARTH_ERR_LIMIT",
                                    "HEARTH_ERR_QUEUE_FULL",
                                    "HEARTH_ERR_ADDRESS_IN_USE",
                                    "HEARTH_ERR_ADDRESS",
                                    "HEARTH_ERR_PERMISSION",
                                    "HEARTH_ERR_SYSTEM",
                                    "HEARTH_ERR_VERSION",
                                    "HEARTH_ERR_NOT_FOUND",
                                    "HEARTH_ERR_UNSUPPORTED",
                                    "HEARTH_ERR_TLS",
                                    "HEARTH_ERR_URL",
                                    "HEARTH_ERR_NOT_OPEN",
                                    "HEARTH_ERR_RESOLVE",
                                    "HEARTH_ERR_CONNECT",
                                    "HEARTH_ERR_CONNECT_TIMEOUT",
                                    "HEARTH_ERR_NO_ANSWER",
                                    "HEARTH_ERR_SLOW_ANSWER",
                                    "HEARTH_ERR_EARLY_CLOSE",
                                    "HEARTH_ERR_BAD_ANSWER",
                                    "HEARTH_ERR_NOT_UPGRADED",
                                    "HEARTH_ERR_BAD_UPGRADE",
                                    "HEARTH_ERR_BAD_ACCEPT",
                                    "HEARTH_ERR_BAD_SUBPROTOCOL",
                                    "HEARTH_ERR_BAD_EXTENSION",
                                    "HEARTH_ERR_REDIRECTED",
                                    "HEARTH_ERR_UNAUTHORIZED",
                                    "HEARTH_ERR_FORBIDDEN",
                                    "HEARTH_ERR_TOO_MANY_REQUESTS",
                                    "HEARTH_ERR_UNAVAILABLE",
                                    "HEARTH_ERR_HTTP_STATUS",
                                    "HEARTH_ERR_PROXY",
                                    "HEARTH_ERR_PROXY_AUTH",
                                    "HEARTH_ERR_UNPREPARED",
                                    "HEARTH_ERR_MASKED_FRAME",
                                    "HEARTH_ERR_PROTOCOL",
                                    "HEARTH_ERR_LOST",
                                    "HEARTH_ERR_PING_TIMEOUT",
                                    "HEARTH_ERR_TLS_HANDSHAKE",
                                    "HEARTH_ERR_TOKEN",
                                    "HEARTH_ERR_NOT_ALLOWED"};

int main(void) {
    int count = sizeof names / sizeof names[0];
    for (int i = 0; i < count; i++) {
        CHECK_TEXT(hearth_error_name(-i), names[i]);
        CHECK(strlen(hearth_strerror(-i)) > 0);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(hearth_strerror(-i), hearth_strerror(-j)) != 0);
    }
    CHECK_TEXT(hearth_error_name(-count), "");
    CHECK_TEXT(hearth_error_name(1), "");
    CHECK(strlen(hearth_strerror(-12345)) > 0);
    CHECK_TEXT(hearth_version(), HEARTH_VERSION_STRING);
    CHECK(strstr(hearth_build_info(), "\"hearth\":\"" HEARTH_VERSION_STRING "\""));
    CHECK(strstr(hearth_build_info(), "\"openssldir\":\"/"));
    return 0;
}
