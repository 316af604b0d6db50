#!/usr/bin/env bash
# Builds the image from nothing but this machine's Debian mirror and Swift toolchain, runs it, and plays the Kubernetes
# base: no registry is asked. Needs root and Debian 12; takes about fifteen minutes the first time, five then.
#     tools/image_test.sh [DIR]
# DIR (.build-image) keeps the two bases and all containers' storage; delete it to begin anew.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-.build-image}"
work=$(cd "${1:-.build-image}" && pwd)
[ "$(id -u)" = 0 ] || { echo "image_test: it needs root" >&2; exit 1; }
tools/install.sh image
tools/venv.sh .venv Tests/clients/requirements.txt
export STORAGE_DRIVER=vfs CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
export BUILDAH_ISOLATION=chroot
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "vfs"
graphroot = "$work/storage"
runroot = "$work/run"
END
# What a container in a container can have: no systemd for cgroups, no more files than the limit outside.
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
infra_image = "localhost/pause:1"
END
image() { buildah images --format '{{.Name}}:{{.Tag}}' 2>/dev/null | grep -qx "localhost/$1"; }
mirror=$(grep -rhoE '(https?)://[^ ]*debian[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
    head -1 | tr -d ' ' || true)
mirror=${mirror:-http://deb.debian.org/debian}
if ! image martlet-builder:12; then
    echo "image_test: builder, by debootstrap from $mirror" >&2
    packages=ca-certificates,curl,g++,git,libnghttp2-dev,libssl-dev,pkg-config,zlib1g-dev
    packages+=,libcurl4,libncurses6,libsqlite3-0,libxml2,make,binutils
    rm -rf "$work/builder"
    debootstrap --variant=minbase --include="$packages" bookworm "$work/builder" "$mirror" >"$work/builder.log" 2>&1 ||
        { tail -5 "$work/builder.log" >&2; exit 1; }
    swift=$(dirname "$(readlink -f "$(command -v swift)")")
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/builder" / >/dev/null
    buildah config --env "PATH=$swift:/usr/sbin:/usr/bin:/sbin:/bin" "$container"
    buildah commit -q "$container" localhost/martlet-builder:12 >/dev/null
    buildah rm "$container" >/dev/null
fi
if ! image martlet-base:12; then
    echo "image_test: base, the libraries that distroless/cc has" >&2
    rm -rf "$work/base"
    mkdir -p "$work/base"/{etc,tmp,proc,sys,dev,run,usr/lib64,usr/lib/x86_64-linux-gnu}
    ln -s usr/lib "$work/base/lib"
    ln -s usr/lib64 "$work/base/lib64"
    libraries=/usr/lib/x86_64-linux-gnu
    for file in libc.so.6 libm.so.6 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 libstdc++.so.6 libgcc_s.so.1; do
        cp -L "$libraries/$file" "$work/base$libraries/"
    done
    cp -L /lib64/ld-linux-x86-64.so.2 "$work/base/usr/lib64/"
    echo 'nonroot:x:65532:65532::/:/sbin/nologin' >"$work/base/etc/passwd"
    echo 'nonroot:x:65532:' >"$work/base/etc/group"
    echo 'hosts: files dns' >"$work/base/etc/nsswitch.conf"
    chmod 1777 "$work/base/tmp"
    find "$work/base" -exec touch -h -d @0 {} +
    container=$(buildah from scratch)
    buildah add -q "$container" "$work/base" / >/dev/null
    buildah commit -q "$container" localhost/martlet-base:12 >/dev/null
    buildah rm "$container" >/dev/null
fi
if ! image pause:1; then
    # What holds a pod's namespaces: Debian's catatonit, which is linked statically.
    container=$(buildah from scratch)
    buildah copy -q "$container" "$(command -v catatonit)" /catatonit >/dev/null
    buildah config --entrypoint '["/catatonit", "-P"]' "$container"
    buildah commit -q "$container" localhost/pause:1 >/dev/null
    buildah rm "$container" >/dev/null
fi
# The toolchain, and how SwiftPM reaches its packages, are the machine's.
toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")
volumes=(-v "$toolchain:$toolchain:ro")
git config --system -l >/dev/null 2>&1 && volumes+=(-v /etc/gitconfig:/etc/gitconfig:ro)
for folder in $(git config --system --get-regexp '^url\..*\.insteadof$' 2>/dev/null | sed -n 's/^url\.\(\/.*\)\.insteadof .*/\1/p' |
    sort -u); do
    volumes+=(-v "$folder:$folder:ro")
done
MARTLET_IMAGE_TOOL=buildah MARTLET_IMAGE_OPTIONS="${volumes[*]}" \
    MARTLET_BUILDER=localhost/martlet-builder:12 MARTLET_BASE=localhost/martlet-base:12 tools/image.sh localhost/martlet:0.1.0
exec .venv/bin/python -m pytest Tests/image -q -s -p no:cacheprovider </dev/null
