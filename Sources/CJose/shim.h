/* libjose: signatures of JSON objects. Static inline functions stand in only for what Swift cannot import. */
#ifndef HEARTH_CJOSE_SHIM_H
#define HEARTH_CJOSE_SHIM_H

#include <jose/jwk.h>
#include <jose/jws.h>
#include <jose/openssl.h>

/* libjose prints what it dislikes to standard error unless it is given a function. */
static inline void hearth_shim_jose_silence(void *misc, const char *file, int line, uint64_t error, const char *format,
                                            va_list arguments) {
    (void)misc, (void)file, (void)line, (void)error, (void)format, (void)arguments;
}

static inline jose_cfg_t *hearth_shim_jose_config(void) {
    jose_cfg_t *config = jose_cfg();
    if (config)
        jose_cfg_set_err_func(config, hearth_shim_jose_silence, NULL);
    return config;
}

#endif
