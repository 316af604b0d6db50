#!/usr/bin/env bash
# Checks the formatting of all Swift source, generated code aside; `--fix` formats it in place.
set -euo pipefail
cd "$(dirname "$0")/.."
folders=()
for folder in Sources Tests Examples Benchmarks Fuzz; do [ -d "$folder" ] && folders+=("$folder"); done
mapfile -t files < <(
    find Package.swift "${folders[@]}" -name '*.swift' -type f \
        ! -name '*.pb.swift' ! -path '*/.build*/*' ! -path '*/.venv*/*' | sort)
if [ "${1:-}" = --fix ]; then
    swift format format --in-place --parallel "${files[@]}"
else
    swift format lint --strict --parallel "${files[@]}"
    echo "lint: ${#files[@]} Swift files are well formatted"
fi
