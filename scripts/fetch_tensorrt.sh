#!/bin/sh
# Installs NVIDIA's TensorRT-RTX library into .tools/tensorrt of this checkout, from the wheel that NVIDIA
# publishes on PyPI (95 MB to download, 240 MB unpacked; NVIDIA's licence); needs python3 with pip, no root.
# The program finds it there; on a machine that runs elsewhere, name it with --tensorrt-lib.
set -eu
cd "$(dirname "$0")/.."
target=.tools/tensorrt
if ls $target/libtensorrt_rtx.so* >/dev/null 2>&1; then
    echo "$target is there already"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The minor version that the binding's headers are of.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
    'tensorrt-rtx-cu13-libs==1.7.*'
python3 -m zipfile -e "$work"/*.whl "$work/unpacked"
mkdir -p .tools
rm -rf "$target"
mv "$work/unpacked/tensorrt_rtx_libs" "$target"
ls "$target"
