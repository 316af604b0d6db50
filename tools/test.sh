#!/usr/bin/env bash
# Runs every test: the Swift ones, then those that use real clients on the real binary. Both parts
# run even when the first fails, and both must have run something.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh tests
tools/venv.sh .venv Tests/clients/requirements.txt
# By product: `--build-tests` would also compile the protoc that swift-protobuf carries for its plugin,
# 600 C++ files that nothing of ours uses.
swift build -c release --product martlet
swift build -c release --product SwiftModelExample
swift build -c release --product martletPackageTests

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
swift test -c release --skip-build --disable-xctest 2>&1 </dev/null | tee "$log" ||
    status=1
if ! grep -qE 'Test run with [1-9][0-9]* tests?' "$log"; then
    echo "test: no Swift test ran" >&2
    status=1
fi
.venv/bin/python -m pytest Tests/clients -q -p no:cacheprovider </dev/null || status=1
.venv/bin/python -m pytest Tests/conformance -q -p no:cacheprovider </dev/null || status=1
.venv/bin/python -m pytest Tests/realmodels/test_real_models.py -q -p no:cacheprovider </dev/null || status=1
exit $status
