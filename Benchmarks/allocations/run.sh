#!/usr/bin/env bash
# Installs what is missing, builds, and runs run.py; arguments are handed to it (`--help` lists them).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/install.sh bench
swift build -c release --product martlet
exec python3 Benchmarks/allocations/run.py "$@"
