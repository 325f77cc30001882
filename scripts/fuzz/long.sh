#!/usr/bin/env bash
# All fuzzers for a given time, one after the other: scripts/fuzz/long.sh [SECONDS each, default 3600] [SEED]
# Needs a built package (npm ci), clang and cmake. Inputs of findings are left in out/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-3600}
seed=${2:-$RANDOM}
workers=${UNTANGLE_FUZZ_WORKERS:-1}
out=out/fuzz
mkdir -p "$out/programs" "$out/seeds" "$out/artifacts"

failed=0
for target in models programs; do
  node dist/scripts/fuzz/fuzz-models.js --target "$target" --seconds "$seconds" --seed "$seed" \
    --workers "$workers" --out "$out/$target-findings" || failed=1
done

cmake -S . -B build-fuzz -G Ninja -DUNTANGLE_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++ >/dev/null
cmake --build build-fuzz >/dev/null
node dist/scripts/fuzz/write-corpus.js programs "$out/seeds"
# Inputs that reached something new are kept in the first folder for the next time.
build-fuzz/fuzz_program "$out/programs" "$out/seeds" -max_total_time="$seconds" -max_len=16384 -timeout=10 \
  -seed="$seed" -artifact_prefix="$out/artifacts/" -print_final_stats=1 -verbosity=0 || failed=1
exit "$failed"
