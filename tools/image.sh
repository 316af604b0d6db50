#!/usr/bin/env bash
# Builds the container image with docker, podman or buildah, whichever is there.
#     tools/image.sh [NAME:TAG]
# MARTLET_BUILDER and MARTLET_BASE name other images to build with and to stand on (Dockerfile), such as those of
# a registry of yours; MARTLET_IMAGE_TOOL names one of the tools, MARTLET_IMAGE_OPTIONS more of its options.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-localhost/martlet:0.1.0}
for tool in ${MARTLET_IMAGE_TOOL:-docker podman buildah} ""; do command -v "${tool:-false}" >/dev/null && break; done
[ -n "$tool" ] || { echo "image: docker, podman or buildah is needed (apt-get install buildah)" >&2; exit 1; }
build=(build)
[ "$tool" = buildah ] && build=(bud)
# The OCI format has no HEALTHCHECK; docker's does, and every registry and runtime takes it.
[ "$tool" = docker ] || build+=(--format docker)
arguments=(--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    --build-arg "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)")
[ -z "${MARTLET_BUILDER:-}" ] || arguments+=(--build-arg "BUILDER=$MARTLET_BUILDER")
[ -z "${MARTLET_BASE:-}" ] || arguments+=(--build-arg "BASE=$MARTLET_BASE")
# shellcheck disable=SC2206
arguments+=(${MARTLET_IMAGE_OPTIONS:-})
echo "image: $tool builds $name" >&2
exec "$tool" "${build[@]}" "${arguments[@]}" -t "$name" .
