#!/usr/bin/env bash
# The gate: format, lints, docs, every test; then what was skipped, by name.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:$HOME/.cargo/bin" CARGO_TERM_COLOR=never
export VRPIPE_MODELS=${VRPIPE_MODELS:-$PWD/../shared/models}
export VRPIPE_TEST_PYTHON=${VRPIPE_TEST_PYTHON:-$PWD/.tools/python/bin/python3}
# Everything is built once, from nothing: what makes the next build quicker makes this one slower.
export CARGO_INCREMENTAL=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Word by word: an option and its value, or nothing.
read -ra features <<<"$(scripts/features.sh)"
step() { printf '\n== %s\n' "$*"; "$@"; }
step cargo fmt --all -- --check
step cargo clippy --all-targets "${features[@]}" --quiet -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --lib --no-deps "${features[@]}" --quiet --document-private-items

# Tests print "skipped: NAME: reason" when something they need is not on this machine; without
# --nocapture such lines of passing tests would be lost.
printf '\n== cargo test\n'
set +e
cargo test "${features[@]}" --no-fail-fast -- --nocapture 2>&1 | tee "$log" | grep -vE '^(running 0 tests|)$'
status=${PIPESTATUS[0]}
set -e

count() { awk -v word="$1" '/^test result:/ { for (i = 2; i <= NF; i++) if ($i ~ "^" word) sum += $(i - 1) } END { print sum + 0 }' "$log"; }
passed=$(count passed) failed=$(count failed) ignored=$(count ignored)
skipped=$(grep -cE '^skipped: ' "$log" || true)
printf '\n== summary\n'
grep -E '^skipped: ' "$log" | sort || true
echo "$ignored tests need a CUDA device and were not run; $skipped were skipped for want of something on this machine"
echo "$((passed - skipped)) passed, $failed failed, $((ignored + skipped)) skipped"
exit "$status"
