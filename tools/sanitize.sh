#!/usr/bin/env bash
# Runs every test under the address sanitizer, then under the thread sanitizer, each in a build
# folder of its own. `tools/sanitize.sh thread` runs one of them.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install.sh tests
tools/venv.sh .venv Tests/clients/requirements.txt
# With the run-time checks of exclusive access that the release build leaves out.
export MARTLET_CHECKS=1
# Client tests widen their bounds on time and memory.
export MARTLET_SANITIZED=1
# A Swift program keeps its arenas until it exits: that is not a leak worth a failure.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=16 TSAN_OPTIONS=halt_on_error=1:report_thread_leaks=0
status=0
[ $# -gt 0 ] || set -- address thread
for sanitizer in "$@"; do
    folder=.build-$sanitizer
    echo "sanitize: $sanitizer" >&2
    options=(-c release --scratch-path "$folder" --sanitize="$sanitizer")
    swift build "${options[@]}" --product martlet
    swift build "${options[@]}" --product SwiftModelExample
    swift build "${options[@]}" --product martletPackageTests
    preload=
    if [ "$sanitizer" = thread ]; then
        preload=$PWD/$folder/thread-sanitizer-mutex.so
        "$(dirname "$(readlink -f "$(command -v swift)")")/clang" -O2 -Wall -Wextra -Werror -shared -fPIC \
            -o "$preload" tools/thread-sanitizer-mutex.c
    fi
    LD_PRELOAD=$preload swift test "${options[@]}" --skip-build --disable-xctest </dev/null || status=1
    LD_PRELOAD=$preload MARTLET_BIN="$folder/release/martlet" \
        .venv/bin/python -m pytest Tests/clients -q -p no:cacheprovider --timeout=600 </dev/null || status=1
done
exit $status
