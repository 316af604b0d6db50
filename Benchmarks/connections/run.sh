#!/usr/bin/env bash
# Installs what is missing, builds and measures idle connections; arguments are those of run.py (`--help`).
exec "$(dirname "$0")/../../tools/bench.sh" connections "$@"
