#!/usr/bin/env bash
# Builds one self-contained binary into .build-static/release/martlet: the Swift runtime, OpenSSL, nghttp2
# and zlib are linked in; of the system only glibc, libstdc++ and libgcc are needed where it runs.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh runtime
# pkg-config files that name a folder with nothing but the archives: the linker takes those, since it finds
# no shared object there.
archives=$PWD/.build-static/archives
mkdir -p "$archives"
archive() {
    local package=$1 file libraries=""
    shift
    for name in "$@"; do
        file=$(find /usr/lib /usr/local/lib -name "lib$name.a" -print -quit 2>/dev/null)
        [ -n "$file" ] || { echo "static: lib$name.a is missing; its Debian -dev package has it" >&2; exit 1; }
        ln -sfn "$file" "$archives/lib$name.a"
        libraries+=" -l$name"
    done
    printf 'Name: %s\nDescription: the archive\nVersion: %s\nLibs: -L%s%s\n' \
        "$package" "$(pkg-config --modversion "$package")" "$archives" "$libraries" >"$archives/$package.pc"
}
archive libnghttp2 nghttp2
archive openssl ssl crypto
archive zlib z
exec swift build -c release --product martlet --static-swift-stdlib --scratch-path .build-static \
    --pkg-config-path "$archives"
