#!/usr/bin/env bash
# Installs what is missing, builds and measures large bodies; arguments are those of run.py (`--help`).
exec "$(dirname "$0")/../../tools/bench.sh" bodies "$@"
