#!/usr/bin/env bash
# Makes or renews a virtual environment. Does nothing when it was made from these requirements.
#     tools/venv.sh FOLDER REQUIREMENTS
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1 requirements=$2
stamp="$folder/.made-from"
if [ -f "$stamp" ] && cmp -s "$stamp" "$requirements" && "$folder/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
echo "venv: $folder from $requirements" >&2
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" </dev/null
cp "$requirements" "$stamp"
