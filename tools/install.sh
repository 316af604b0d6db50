#!/usr/bin/env bash
# Installs what is missing for: runtime (build and serve), tests, bench. Says what it does; when all
# is there it does nothing and says nothing.
#     tools/install.sh runtime|tests|image|bench
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive

die() { echo "install: $*" >&2; exit 1; }
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo --preserve-env=DEBIAN_FRONTEND "$@"
    else die "not root and no sudo here; as root, run: $*"
    fi
}

# The lists are read anew once a run, and only when there is something to install.
update_once() {
    [ -z "${updated:-}" ] || return 0
    updated=yes
    echo "install: apt-get update" >&2
    as_root apt-get update -qq </dev/null
}

packages() {
    local missing=() name
    for name in "$@"; do installed "$name" || missing+=("$name"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "no apt-get here; install these (Debian's names) and try again: ${missing[*]}"
    update_once
    echo "install: apt-get install ${missing[*]}" >&2
    local log
    log=$(mktemp)
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1 || {
        cat "$log" >&2
        die "apt-get could not install: ${missing[*]}"
    }
    rm -f "$log"
}

# Debian starts the service of a package that has one. We want a program, not a daemon on port 80 or
# 9090: it is taken out of the package into .build-tools, and nothing is installed.
program() {
    local package=$1 path=$2 name
    name=$(basename "$path")
    [ -x ".build-tools/$name" ] && return 0
    [ -x "$path" ] && return 0
    command -v apt-get >/dev/null || die "no apt-get here; install $name (Debian: $package)"
    update_once
    echo "install: $name out of Debian's package $package, into .build-tools/" >&2
    local folder
    folder=$(mktemp -d)
    chmod 755 "$folder"
    (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$package" && dpkg-deb -x ./*.deb .)
    mkdir -p .build-tools
    mv "$folder$path" ".build-tools/$name"
    rm -rf "$folder"
}

swift_toolchain() {
    local where="Swift 6.2 or newer is needed: https://www.swift.org/install/linux/ (Debian 12)"
    command -v swift >/dev/null || die "swift is not in PATH. $where"
    local version
    version=$(swift --version 2>&1) || die "swift does not run: $version"
    version=$(sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' <<<"$version" | head -1)
    [ "$(printf '6.2\n%s\n' "$version" | sort -V | head -1)" = 6.2 ] ||
        die "swift is version ${version:-unknown}. $where"
}

python() {
    # Any Python ≥ 3.11 that can make a virtual environment will do; otherwise Debian's.
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        packages python3 python3-venv
}

runtime() {
    # The second line is what the Swift toolchain itself loads.
    packages ca-certificates curl g++ git libnghttp2-dev libssl-dev pkg-config zlib1g-dev \
        libcurl4 libncurses6 libsqlite3-0 libxml2
    swift_toolchain
}

case "${1:-}" in
runtime) runtime ;;
tests) runtime; python; packages curl nghttp2-client openssl sslscan
    packages liblua5.3-0 libopentracing-c-wrapper0; program haproxy /usr/sbin/haproxy
    program prometheus /usr/bin/promtool; program prometheus /usr/bin/prometheus
    program nginx /usr/sbin/nginx ;;
image) runtime; python; packages buildah catatonit debootstrap podman runc
    command -v kubectl >/dev/null || packages kubernetes-client ;;
bench) runtime; python; packages wrk nghttp2-client nghttp2-server openssl; program nginx /usr/sbin/nginx ;;
*) die "say what for: runtime, tests, image or bench" ;;
esac
