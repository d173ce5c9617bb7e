#!/bin/sh
# Prints the cargo features that this machine can build, and says on stderr which it cannot and why.
# tensorrt needs libclang (before 22) and clang's own headers, to read NVIDIA's. WITH_TENSORRT=0 leaves it out.
set -eu
[ "${WITH_TENSORRT:-}" != 0 ] || exit 0
any() { for file; do [ ! -e "$file" ] || return 0; done; return 1; }
for root in ${LIBCLANG_PATH:+"$LIBCLANG_PATH/.."} /usr/lib/llvm-1* /usr/lib/llvm-20 /usr/lib/llvm-21 /usr /usr/local; do
    for lib in "$root/lib" "$root/lib64" "$root/lib/x86_64-linux-gnu"; do
        if ls "$lib"/libclang*.so* 2>/dev/null | grep -qE '/libclang(-[0-9.]+)?\.so' &&
            any "$root"/lib/clang/*/include/stddef.h "$root"/lib64/clang/*/include/stddef.h; then
            echo "--features tensorrt"
            exit 0
        fi
    done
done
echo "libclang not found: building without TensorRT (Debian, Ubuntu: apt-get install libclang-dev)" >&2
