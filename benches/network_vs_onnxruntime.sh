#!/bin/sh
# Builds the CPU engine's step program (release) and times it against onnxruntime, in turns, on the
# same ONNX files. Writes benches/results/DATE-cpu/network.json. Needs python3 with onnxruntime.
set -eu
cd "$(dirname "$0")/.."
program=$(cargo bench --bench network_steps --no-run --message-format=json |
    python3 -c 'import json, sys
for line in sys.stdin:
    entry = json.loads(line)
    if entry.get("target", {}).get("name") == "network_steps" and entry.get("executable"):
        print(entry["executable"])')
exec python3 benches/network_vs_onnxruntime.py "$program" \
    --out "benches/results/$(date +%F)-cpu/network.json" "$@"
