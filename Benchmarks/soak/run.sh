#!/usr/bin/env bash
# Installs what is missing, builds, and soaks martlet in good and bad clients. Arguments are handed to run.py.
#     Benchmarks/soak/run.sh --minutes 2
set -euo pipefail
cd "$(dirname "$0")/../.."
tools/install.sh tests
tools/install.sh bench
tools/venv.sh .venv Tests/clients/requirements.txt
[ -n "${MARTLET_BIN:-}" ] || swift build -c release --product martlet
exec .venv/bin/python Benchmarks/soak/run.py "$@"
