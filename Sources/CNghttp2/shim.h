// nghttp2, the HTTP/2 framing and HPACK library (Debian: libnghttp2-dev, 1.52 or later).
#pragma once

#include <nghttp2/nghttp2.h>
