#!/usr/bin/env bash
# Installs what is missing, builds and measures; arguments are those of run.py (`--help` lists them).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/install.sh bench
tools/venv.sh .venv-trees-http Benchmarks/trees-http/requirements.txt
swift build -c release --product martlet
exec .venv-trees-http/bin/python Benchmarks/trees-http/run.py "$@"
