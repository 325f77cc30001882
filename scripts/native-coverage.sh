#!/usr/bin/env bash
# Lines of native/ that the C++ tests and the addon under the test suite execute, counted by gcov, printed by gcovr.
#
# bash scripts/native-coverage.sh   after npm ci; needs gcovr. Everything is built and written in build-coverage.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/build-coverage
addon=build/Release/untangle_edge.node

mkdir -p "$out"
rm -rf "$out/native"
# One build for the C++ tests and the addon. The GPU's host side is counted under the suite below; emulated kernels that
# count lines are slow.
npx cmake-js compile --out "$out/native" --CDUNTANGLE_TESTS=ON --CDUNTANGLE_COVERAGE=ON --CDUNTANGLE_CUDA=off \
  --CDUNTANGLE_GPU_EMULATOR=OFF >"$out/native.log" 2>&1 || {
  cat "$out/native.log"
  exit 1
}
ctest --test-dir "$out/native" -j "$(nproc)" --output-on-failure --timeout 900 | tail -3

# The package loads its addon from one place: the counting one stands there for the time being.
cp "$addon" "$out/plain.node"
trap 'cp "$out/plain.node" "$addon"' EXIT
cp "$out/native/Release/untangle_edge.node" "$addon"
# Whole models run the same lines again, for minutes.
UNTANGLE_PROPERTY_RUNS=${UNTANGLE_PROPERTY_RUNS:-60} npx ava \
  'dist/test/runtime/*.test.js' '!dist/test/runtime/{bands,budgets,conv-random,models,progress,stored-weights}.test.js' \
  dist/test/gpu/session.test.js dist/test/conformance.test.js | tail -3

gcovr --root . --filter 'native/' --exclude 'native/test/' --print-summary --txt "$out/native.txt" "$out/native"
echo 'files with the lowest coverage:'
grep -E '^native/.*%' "$out/native.txt" | sort -t% -k1,1 | awk '{print $4, $1, $3 "/" $2}' | sort -n | head -12
