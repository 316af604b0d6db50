#!/usr/bin/env bash
# Holds every kustomization to the schemas of Kubernetes (kubernetes-validate) and to checkov's rules
# (k8s/checkov.yaml says which not, and why).
#     tools/manifests.sh [KUBERNETES_VERSION]
set -euo pipefail
cd "$(dirname "$0")/.."
command -v kubectl >/dev/null || { echo "manifests: kubectl is needed" >&2; exit 1; }
tools/venv.sh .venv-manifests k8s/requirements.txt
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
status=0 count=0
for kustomization in k8s/base k8s/overlays/*/; do
    file=$folder/$(basename "$kustomization").yaml
    kubectl kustomize "$kustomization" >"$file"
    count=$((count + 1))
    # Without a schema are only the kinds that other projects define.
    .venv-manifests/bin/kubernetes-validate --strict ${1:+-k "$1"} "$file" >"$folder/out" 2>&1 || {
        echo "manifests: $kustomization" >&2
        grep -v '^INFO' "$folder/out" >&2
        status=1
    }
    if grep '^WARN' "$folder/out" | grep -vE 'kind (ScaledObject|ServiceMonitor|ClusterServingRuntime) ' >&2; then status=1; fi
    grep -qE '^(INFO|WARN)' "$folder/out" || { echo "manifests: nothing was looked at in $kustomization" >&2; status=1; }
done
.venv-manifests/bin/checkov --config-file k8s/checkov.yaml -d "$folder" --skip-download --output json \
    >"$folder/checkov.json" 2>"$folder/checkov.log" || true
[ -s "$folder/checkov.json" ] || tail -5 "$folder/checkov.log" >&2
.venv-manifests/bin/python - "$folder/checkov.json" <<'PYTHON' || status=1
import json
import sys

report = json.load(open(sys.argv[1]))
for failed in report["results"]["failed_checks"]:
    print("checkov:", failed["check_id"], failed["check_name"], failed["resource"], failed["file_path"])
passed = report["summary"]["passed"]
print(f"checkov: {passed} checks passed, {report['summary']['failed']} failed")
sys.exit(report["summary"]["failed"] > 0 or passed < 100)
PYTHON
echo "manifests: $count kustomizations, $([ $status = 0 ] && echo all good || echo NOT good)"
exit $status
