// zlib, and its function-like macros as functions. One-line shims only.
#ifndef MARTLET_CZLIB_H
#define MARTLET_CZLIB_H

#define ZLIB_CONST
#include <zlib.h>

static inline int martlet_inflate_init(z_stream *stream, int windowBits) {
    return inflateInit2(stream, windowBits);
}

static inline int martlet_deflate_init(z_stream *stream, int level, int windowBits, int memoryLevel) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY);
}

#endif
