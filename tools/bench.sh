#!/usr/bin/env bash
# Installs what is missing, builds, and runs a benchmark that compares servers. Arguments behind its name
# are handed to its run.py.
#     tools/bench.sh http|http2|bodies|connections
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
http) venv=.venv-bench requirements=Benchmarks/http/requirements.txt ;;
http2 | bodies | connections) venv=.venv requirements=Tests/clients/requirements.txt ;;
*) echo "bench: say which: http, http2, bodies or connections" >&2; exit 1 ;;
esac
tools/install.sh bench
tools/venv.sh "$venv" "$requirements"
swift build -c release --product martlet
exec "$venv/bin/python" "Benchmarks/$1/run.py" "${@:2}"
