#!/bin/sh
# Installs NVIDIA's CUDA compiler into .tools/cuda of this checkout, from the wheels that NVIDIA
# publishes on PyPI (about 105 MB to download, 270 MB unpacked); needs python3 with pip, no root.
# build.rs finds it there. A machine that has nvcc ($NVCC, $CUDA_HOME, PATH) does not need this.
set -eu
cd "$(dirname "$0")/.."
target=.tools/cuda
if [ -x "$target/bin/nvcc" ]; then
    echo "$target/bin/nvcc is there already"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" \
    'nvidia-cuda-nvcc==13.0.*' 'nvidia-cuda-crt==13.0.*' 'nvidia-nvvm==13.0.*' \
    'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cccl==13.0.*'
for wheel in "$work"/*.whl; do
    python3 -m zipfile -e "$wheel" "$work/unpacked"
done
# Unpacking a wheel this way loses the execute bits.
chmod +x "$work"/unpacked/nvidia/cu13/bin/* "$work"/unpacked/nvidia/cu13/nvvm/bin/*
mkdir -p .tools
rm -rf "$target"
mv "$work/unpacked/nvidia/cu13" "$target"
# Makes the next build look for nvcc again.
touch build/cuda.rs kernels/halfs.cuh
"$target/bin/nvcc" --version
