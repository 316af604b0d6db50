#!/usr/bin/env bash
# Installs what is missing, builds and measures HTTP/2 and TLS; arguments are those of run.py (`--help`).
exec "$(dirname "$0")/../../tools/bench.sh" http2 "$@"
