#!/usr/bin/env bash
# Real models against onnxruntime: those of the gate, then those that PyTorch exports (make realmodels).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/venv.sh .venv-realmodels Tests/realmodels/requirements.txt
swift build -c release --product martlet
.venv-realmodels/bin/python -m pytest Tests/realmodels -q -p no:cacheprovider "$@" </dev/null
