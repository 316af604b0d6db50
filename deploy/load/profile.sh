#!/usr/bin/env bash
# Capacity of one replica: profile.sh URL MODEL [SECONDS]
set -euo pipefail
url=${1:?"URL, such as http://10.0.0.5:8080"}
model=${2:?"MODEL, a name from GET /models"}
seconds=${3:-30}
martlet=${MARTLET_BIN:-martlet}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
field() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$report" "$1"; }

echo "closed loop, 64 clients, $seconds s" >&2
"$martlet" load "$url" --model "$model" --clients 64 --duration "$seconds" --json "$report" >/dev/null
capacity=$(field 'd["runs"][0]["rates"]["succeeded"]')
echo "capacity: ${capacity%.*} requests/s"
echo
echo "| share | rate | p50 ms | p99 ms | refused |"
echo "|---:|---:|---:|---:|---:|"
for share in 0.5 0.7 0.8 0.9; do
    rate=$(python3 -c "print(round($capacity * $share, 1))")
    "$martlet" load "$url" --model "$model" --rate "$rate" --duration "$seconds" --json "$report" >/dev/null
    echo "| $share | $rate | $(field 'd["runs"][0]["latency_ms"]["p50"]') | $(field 'd["runs"][0]["latency_ms"]["p99"]') | $(field 'd["runs"][0]["refused_ms"]["count"]') |"
done
