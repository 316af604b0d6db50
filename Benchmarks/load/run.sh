#!/usr/bin/env bash
# How fast the generator is: wrk -t1 -c64 and `martlet load --threads 1 --clients 64` in turns, each alone
# on one core, against the same server on another. Prints requests a second and the ratio of medians.
#   Benchmarks/load/run.sh [--rounds 9] [--seconds 3] [--targets martlet,nginx] [--cpu 0]
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=9 seconds=3 targets=nginx,martlet cpu=0 port=${PORT:-18690}
while [ $# -gt 0 ]; do
    case $1 in
        --rounds) rounds=$2 ;;
        --seconds) seconds=$2 ;;
        --targets) targets=$2 ;;
        --cpu) cpu=$2 ;;
        *) sed -n '2,4s/^# *//p' "$0"; [ "$1" = --help ] && exit 0 || exit 64 ;;
    esac
    shift 2
done
martlet=${MARTLET_BIN:-.build/release/martlet}
PATH=$PWD/.build-tools:$PATH:/usr/sbin
for program in wrk nginx taskset curl "$martlet"; do
    command -v "$program" >/dev/null || { echo "load: $program is missing" >&2; exit 1; }
done
folder=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    server=
}
trap 'finish; rm -rf "$folder"' EXIT
cores=$(nproc --all)
other=$(((cpu + 1) % cores))
export BENCH_BODY='{"instances": [[6.3, 2.5, 4.9, 1.5]]}'
printf %s "$BENCH_BODY" >"$folder/body.json"
answer='{"model":"iris","version":"1","predictions":[{"label":"virginica","probabilities":[0.002,0.447,0.551]}]}'
sed -e "s|@WORKERS@|1|; s|@FOLDER@|$folder|; s|@PORT@|$port|; s|@ANSWER@|$answer|" \
    Benchmarks/http/nginx.conf >"$folder/nginx.conf"

start() {
    case $1 in
        nginx) taskset -c "$other" nginx -p "$folder" -c "$folder/nginx.conf" 2>"$folder/log" & ;;
        martlet) taskset -c "$other" "$martlet" serve models --port "$port" --threads 1 \
            --drain-delay 0 >"$folder/log" 2>&1 & ;;
        *) echo "load: --targets are nginx and martlet" >&2; exit 64 ;;
    esac
    server=$!
    for _ in $(seq 100); do
        curl -sf -o "$folder/probe" -H 'Content-Type: application/json' -d "$BENCH_BODY" "$url" && return
        sleep 0.1
    done
    cat "$folder/log" >&2
    exit 1
}
# Seconds of user and system time, as `time -p` says them.
cpu_of() { awk '/^user|^sys/ { sum += $2 } END { print sum }' "$1"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

url="http://127.0.0.1:$port/predict?model=iris"
echo "server on core $other, generator on core $cpu, 64 connections, $rounds rounds of $seconds s"
for target in ${targets//,/ }; do
    start "$target"
    : >"$folder/wrk" >"$folder/load" >"$folder/failures"
    for round in $(seq "$rounds"); do
        { time -p taskset -c "$cpu" wrk -t1 -c64 -d"$seconds" -s Benchmarks/http/predict.lua \
            "$url" >"$folder/out"; } 2>"$folder/time"
        sed -n 's/^{"requests": \([0-9]*\), "microseconds": \([0-9]*\).*"failed": \([0-9]*\)}/\1 \2 \3/p' \
            "$folder/out" | awk -v f="$folder/failures" -v cpu="$(cpu_of "$folder/time")" '
                { print $1 * 1e6 / $2, cpu * 1e6 / $1; if ($3) print $3 >>f }' >>"$folder/wrk"
        { time -p taskset -c "$cpu" "$martlet" load "$url" --threads 1 --clients 64 \
            --duration "$seconds" --body "$folder/body.json" --json "$folder/report" >/dev/null; } \
            2>"$folder/time"
        sed 's/.*"sent":\([0-9]*\),"succeeded":.*"succeeded":\([0-9.e+]*\)},"latency_ms.*/\1 \2/' \
            "$folder/report" | awk -v cpu="$(cpu_of "$folder/time")" '
                { print $2, cpu * 1e6 / $1 }' >>"$folder/load"
        sed -n 's/.*"failed":\([1-9][0-9]*\),"rates.*/\1/p' "$folder/report" >>"$folder/failures"
    done
    if [ -s "$folder/failures" ]; then echo "load: requests failed: no result" >&2; exit 1; fi
    column() { cut -d' ' -f"$2" "$folder/$1" | median; }
    awk -v t="$target" -v a="$(column wrk 1)" -v b="$(column load 1)" -v c="$(column wrk 2)" \
        -v d="$(column load 2)" 'BEGIN {
        printf "%-8s wrk %7.0f/s, %.2f µs of CPU a request   martlet load %7.0f/s, %.2f µs   ", t, a, c, b, d
        printf "ratio of rates %.2f, of requests a CPU second %.2f\n", b / a, c / d }'
    finish
done
