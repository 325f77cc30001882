#!/usr/bin/env bash
# bash scripts/gpu-check.sh: everything that needs a real GPU, in one go. Needs CMake, a C++20 compiler and nvcc (or a fatbin made by
# scripts/gpu-images.sh in UNTANGLE_GPU_FATBIN); python3 for the table, PyTorch with CUDA for cuDNN's times, Node for whole models.
# What is missing is skipped and said. Writes JSON lines and the table to OUT, else bench/results/.
#
# UNTANGLE_CUDA_DRIVER=.../libuntangle_gpu_emulator.so tries the script itself, without a GPU; LAYERS='dcgan_k4|enet' picks layers.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-bench/results}
mkdir -p "$out"
export UNTANGLE_CUDA_DRIVER=${UNTANGLE_CUDA_DRIVER:-libcuda.so.1}
build=build-gpu-check
failed=()

step() { printf '\n== %s (%ds)\n' "$1" "$SECONDS"; }
attempt() { "$@" || failed+=("$*"); }

step 'build'
cmake -S . -B "$build" -DUNTANGLE_TESTS=ON -DUNTANGLE_WERROR=OFF -DUNTANGLE_GPU_EMULATOR=OFF \
  -DUNTANGLE_CUDA="${UNTANGLE_GPU_FATBIN:-auto}" >/dev/null
cmake --build "$build" -j "$(nproc)" --target all gpu_layers untangle_run 2>&1 | tail -n 1

step 'C++ tests on the GPU'
attempt ctest --test-dir "$build" --output-on-failure --timeout 300

layers=$out/layers.txt
grep -E "${LAYERS:-.}" native/bench/layers.txt >"$layers"
step 'layers against the definition in double precision, and their times'
attempt "$build/gpu_layers" "$layers" | tee "$out/gpu-layers.jsonl" | grep -v '"ok":true' || true
grep -c '"ok":true' "$out/gpu-layers.jsonl" || true
grep -q '"ok":false' "$out/gpu-layers.jsonl" && failed+=('layers')

step 'compute-sanitizer'
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    for test in test_gemm_taps test_depthwise test_gpu; do
      attempt compute-sanitizer --tool "$tool" --error-exitcode 9 --log-file "$out/$tool-$test.log" "$build/$test"
    done
  done
else
  echo 'skipped: compute-sanitizer is not installed'
fi

step 'whole models'
if command -v node >/dev/null && [ -d dist ] && [ -d build/Release ]; then
  for folder in ../shared/models/*/; do
    [ -f "$folder/model.onnx" ] || continue
    attempt node dist/src/cli/main.js verify --device cuda "$folder"
  done
else
  echo 'skipped: Node, dist/ and the addon are needed (npm ci)'
fi

step 'cuDNN through PyTorch'
peers=()
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  python3 bench/gpu/cudnn.py "$layers" >"$out/cudnn.jsonl" && peers=("$out/cudnn.jsonl")
else
  echo 'skipped: python3 has no PyTorch that sees a GPU'
fi

step 'whole generators at batch 1, replayed from a graph (ours with the transfers of code and picture)'
if command -v node >/dev/null && [ -d dist ]; then
  node dist/scripts/gpu-generators.js "$build/generators"
  for program in "$build"/generators/*.untp; do
    printf '%s ' "$(basename "$program" .untp)" | tee -a "$out/generators.txt"
    attempt "$build/untangle_run" "$program" --device cuda --runs "${RUNS:-200}" | tee -a "$out/generators.txt"
  done
else
  echo 'skipped: Node and dist/ are needed (npm ci)'
fi
[ "${#peers[@]}" -gt 0 ] && python3 bench/gpu/generators.py | tee "$out/generators-pytorch.jsonl"

step 'table'
if command -v python3 >/dev/null; then
  python3 bench/gpu/report.py "$layers" "$out/gpu-layers.jsonl" "${peers[@]}" | tee "$out/gpu.md"
else
  echo 'skipped: no python3; the lines are in gpu-layers.jsonl'
fi

step 'result'
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
echo "all green, results in $out"
