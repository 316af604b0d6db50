#!/usr/bin/env bash
# Installs what is missing, builds and measures; arguments are those of run.py (`--help` lists them).
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/install.sh runtime
tools/venv.sh .venv-overload Benchmarks/overload/requirements.txt
swift build -c release --product martlet
exec .venv-overload/bin/python Benchmarks/reload/run.py "$@"
