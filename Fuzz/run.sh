#!/bin/sh
# Fuzzes one parser, or all, one after another: Fuzz/run.sh TARGET|all SECONDS
#
# Builds with address sanitizer and libFuzzer, starts from the committed corpus (Fuzz/corpus/TARGET),
# keeps what it finds in .build-fuzz, and stops at the first crash: the input that did it is named
# and stays in Fuzz/crashes. Fix the cause, then move the file to Fuzz/corpus/TARGET: `swift test`
# replays every file there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?"TARGET, all or one of: $(cd "$here/corpus" && echo *)"}
seconds=${2:?"SECONDS, for how long"}
if [ "$target" = all ]; then
    for folder in "$here"/corpus/*/; do "$0" "$(basename "$folder")" "$seconds"; done
    exit
fi
[ -d "$here/corpus/$target" ] || { echo "no such target: $target" >&2; exit 2; }

case $target in
    chunked-decoder) product=FuzzChunkedDecoder ;;
    content-coding) product=FuzzContentCoding ;;
    http1-answer) product=FuzzHTTP1Answer ;;
    http1-session) product=FuzzHTTP1Session ;;
    http2-session) product=FuzzHTTP2Session ;;
    json-reader) product=FuzzJSONReader ;;
    predict-decoder) product=FuzzPredictDecoder ;;
    graph) product=FuzzGraph ;;
    onnx-model) product=FuzzONNXModel ;;
    tabular-*) product=FuzzTabularModel ;;
    *) echo "no program fuzzes $target: name it in Fuzz/run.sh" >&2; exit 2 ;;
esac

export SWIFT_BACKTRACE=enable=no
build=$here/.build-fuzz
nice -n 10 swift build --package-path "$here" --scratch-path "$build" -c release \
    --product "$product" -Xswiftc -sanitize=fuzzer,address
mkdir -p "$build/found/$target" "$here/crashes"
exec nice -n 10 "$build/release/$product" \
    "$build/found/$target" "$here/corpus/$target" \
    -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$here/crashes/$target-" -print_final_stats=1
