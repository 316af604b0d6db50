#!/usr/bin/env bash
# Installs what is missing, builds, and runs Benchmarks/http. Arguments are handed to its run.py.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh bench
tools/venv.sh .venv-bench Benchmarks/http/requirements.txt
swift build -c release --product martlet
exec .venv-bench/bin/python Benchmarks/http/run.py "$@"
