#!/usr/bin/env bash
# Installs what is missing, builds and measures; arguments are those of run.py (`--help` lists them).
exec "$(dirname "$0")/../../tools/bench.sh" http "$@"
