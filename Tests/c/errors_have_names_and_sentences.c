/* Every error has a name and a sentence of its own, unknown numbers too have a sentence. */
#include "world.h"

int main(void) {
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
                                        "HEARTH_ERR_TLS"};
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
    return 0;
}
