#!/usr/bin/env bash
# The GPU tests under NVIDIA's compute-sanitizer: out-of-bounds and misaligned accesses (memcheck), races in
# shared memory (racecheck), uninitialised reads (initcheck), misused barriers (synccheck).
# usage: scripts/sanitize.sh TOOL OUT_DIR [TEST_BINARY...]
#   TEST_BINARY: made by cargo test --no-run --features gpu-tests; without any, they are built here.
# $SANITIZE_SECONDS limits each run (default 1800), $PROPTEST_CASES the cases of each property (default 8),
# $SANITIZE_TESTS, a list of name filters, replaces the tests that a tool runs by default.
# Writes OUT_DIR/TOOL-BINARY.log and one line a run to OUT_DIR/summary.txt; fails when a run does.
set -uo pipefail
tool=${1:?memcheck, racecheck, initcheck or synccheck}
out=${2:?folder for the logs}
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
export PROPTEST_CASES=${PROPTEST_CASES:-8} VRP_DRIFT_FRAMES=${VRP_DRIFT_FRAMES:-1000} VRP_SANITIZER=$tool
seconds=${SANITIZE_SECONDS:-1800}
sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)

binaries=("$@")
if [ ${#binaries[@]} -eq 0 ]; then
    mapfile -t binaries < <(cd "$here" && cargo test --no-run --features gpu-tests --lib --test golden_gpu --test drift_gpu 2>&1 |
        sed -n 's/.*Executable .*(\(.*\))$/\1/p' | sed "s|^target/|$here/target/|")
fi
[ ${#binaries[@]} -gt 0 ] || { echo "no test binaries" >&2; exit 1; }

# Racecheck watches every access to shared memory, a hundred times slower: each kernel by itself and one whole
# network, step by step, meet all code there is.
case $tool in
racecheck) default="engine::native::tests::conv engine::native::tests::finish engine::native::tests::maps engine::native::tests::vectors kernels::device_tests kernels::treatment_tests::finished lane::gpu::maps_tests::maps mobilenetv3_synthetic" ;;
*) default="engine::native kernels::device_tests kernels::treatment_tests gpu::tests gpu::nvdec lane::gpu mobilenetv3 resnet50 the_error_of_alpha" ;;
esac
read -ra tests <<<"${SANITIZE_TESTS:-$default}"

failed=0
for binary in "${binaries[@]}"; do
    name=$(basename "$binary")
    log=$out/$tool-$name.log
    found=$("$binary" --list "${tests[@]}" 2>/dev/null | grep -c ': test$')
    [ "$found" -gt 0 ] || continue
    # Errors that the driver's own libraries answer and handle are no faults of ours: API errors are not reported.
    timeout "$seconds" "$sanitizer" --tool "$tool" --error-exitcode 99 --report-api-errors no \
        "$binary" "${tests[@]}" --test-threads 1 >"$log" 2>&1
    status=$?
    passed=$(grep -oE '[0-9]+ passed' "$log" | head -1)
    verdict=$(grep -E '(ERROR|RACECHECK) SUMMARY' "$log" | tail -1 | sed 's/=* *//')
    echo "$tool $name: exit $status; $found tests, ${passed:-none finished}; ${verdict:-no summary}" | tee -a "$out/summary.txt"
    [ $status -eq 0 ] || failed=1
done
exit $failed
