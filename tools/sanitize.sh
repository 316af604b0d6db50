#!/usr/bin/env bash
# Runs every test under the address sanitizer, then under the thread sanitizer, each in a build
# folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh tests
tools/venv.sh .venv Tests/clients/requirements.txt
# A Swift program keeps its arenas until it exits: that is not a leak worth a failure.
# With the run-time checks of exclusive access that the release build leaves out.
export MARTLET_CHECKS=1
export ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=halt_on_error=1
status=0
for sanitizer in address thread; do
    folder=.build-$sanitizer
    echo "sanitize: $sanitizer" >&2
    options=(-c release --scratch-path "$folder" --sanitize="$sanitizer")
    swift build "${options[@]}" --product martlet
    swift build "${options[@]}" --product SwiftModelExample
    swift build "${options[@]}" --product martletPackageTests
    swift test "${options[@]}" --skip-build --disable-xctest </dev/null || status=1
    MARTLET_BIN="$folder/release/martlet" \
        .venv/bin/python -m pytest Tests/clients -q -p no:cacheprovider </dev/null || status=1
done
exit $status
