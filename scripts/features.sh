#!/bin/sh
# Prints the cargo features that this machine can build, and says on stderr which it cannot and why.
# tensorrt needs libclang (before 22), to read NVIDIA's headers.
# Only where WITH_TENSORRT=1 asks for it: it has not been through all tests yet.
set -eu
[ "${WITH_TENSORRT:-}" = 1 ] || exit 0
for folder in "${LIBCLANG_PATH:-}" /usr/lib/llvm-*/lib /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/local/lib; do
    if [ -n "$folder" ] && ls "$folder"/libclang*.so* 2>/dev/null | grep -qE '/libclang(-[0-9.]+)?\.so'; then
        echo "--features tensorrt"
        exit 0
    fi
done
echo "libclang not found: building without TensorRT (Debian, Ubuntu: apt-get install libclang-dev)" >&2
