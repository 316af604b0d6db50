#!/usr/bin/env bash
# Installs what is missing, builds, and runs run.py; arguments are handed to it (`--help` lists them).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/install.sh bench
tools/venv.sh .venv-bench-trees Benchmarks/trees/requirements.txt
swift build -c release --product martlet
exec .venv-bench-trees/bin/python -W ignore Benchmarks/trees/run.py "$@"
