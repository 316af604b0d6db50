#!/usr/bin/env bash
# Compares martlet with the libraries on the models of Tests/clients/tabular_cases.py, 100,000 rows each.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh tests
tools/venv.sh .venv Tests/clients/requirements.txt
swift build -c release --product martlet
MARTLET_TEST_ROWS=${ROWS:-100000} exec .venv/bin/python -m pytest Tests/clients/test_tabular.py -q -p no:cacheprovider "$@"
