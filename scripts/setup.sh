#!/usr/bin/env bash
# Installs what building and testing need on Debian 12 or Ubuntu 22.04/24.04, and nothing that is
# there already: system packages through apt, Rust through rustup, Python packages in .tools/.
# usage: setup.sh build|test
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:?build or test}

packages=(build-essential pkg-config nasm libvpx-dev libopus-dev ffmpeg curl ca-certificates python3 python3-pip)
[ "$what" = build ] || packages+=(mkvtoolnix python3-venv)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
done
# Debian ships a browser for the playback test; on Ubuntu the package is a stub for a snap, and
# the test then says that it was skipped.
if [ "$what" = test ] && [ "$(. /etc/os-release; echo "$ID")" = debian ] && ! command -v chromium >/dev/null; then
  missing+=(chromium)
fi
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup: please install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# TensorRT is built in where libclang is there. Tests need it; where it cannot be had they do without.
if [ "$what" = test ] && [ -z "$(scripts/features.sh 2>/dev/null)" ] && [ "${WITH_TENSORRT:-}" != 0 ]; then
  echo "setup: installing libclang"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libclang-dev >/dev/null; } ||
    echo "setup: no libclang: building without TensorRT" >&2
fi

if ! command -v cargo >/dev/null && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
  echo "setup: installing Rust"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --default-toolchain none --profile minimal
fi

if [ "$what" = test ] && ! .tools/python/bin/python3 -c 'import onnxruntime, numpy' 2>/dev/null; then
  echo "setup: installing onnxruntime (the independent reader of our ONNX files) in .tools/python"
  python3 -m venv .tools/python
  .tools/python/bin/python3 -m pip install -q --disable-pip-version-check onnxruntime numpy
fi

if [ "$what" = test ] && scripts/features.sh 2>/dev/null | grep -q tensorrt; then
  echo "setup: fetching TensorRT-RTX in .tools/tensorrt (its tests build plans without a GPU)"
  scripts/fetch_tensorrt.sh >/dev/null || echo "setup: no TensorRT: its tests will say that they are skipped" >&2
fi

# The GPU kernels need nvcc at build time. Without it the program is built for the CPU alone and
# says so; that is no reason to fail.
if [ -z "${NVCC:-}${CUDA_HOME:-}" ] && ! command -v nvcc >/dev/null && [ ! -x .tools/cuda/bin/nvcc ]; then
  echo "setup: installing NVIDIA's CUDA compiler in .tools/cuda"
  scripts/fetch_nvcc.sh >/dev/null || echo "setup: no nvcc: building without the GPU path" >&2
fi
