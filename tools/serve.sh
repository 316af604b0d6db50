#!/usr/bin/env bash
# Builds and serves models/ on 127.0.0.1:8080. Arguments are handed to `martlet serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh runtime
swift build -c release --product martlet
exec .build/release/martlet serve models --host 127.0.0.1 --port 8080 "$@"
