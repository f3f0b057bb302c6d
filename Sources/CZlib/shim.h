/* zlib. Static inline functions stand in only for what Swift cannot import: macros. */
#ifndef HEARTH_CZLIB_SHIM_H
#define HEARTH_CZLIB_SHIM_H

#include <stdlib.h>
#include <zlib.h>

/* Both without header and trailer, which permessage-deflate does not have. */
static inline int hearth_shim_inflate_init(z_stream *stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

static inline int hearth_shim_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

#endif
