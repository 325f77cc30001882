// reduce: the last dims of x to one value; `lanes` threads share an output.
//
// Sums are compensated (Kahan 1965): a thread may add thousands of terms one after the other.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

UNTANGLE_DEVICE bool is_sum(Reduce fn) {
  return fn != Reduce::kMax && fn != Reduce::kMin && fn != Reduce::kProd;
}

UNTANGLE_DEVICE float term_of(Reduce fn, float x) {
  return fn == Reduce::kSumSquares ? x * x : fn == Reduce::kSumAbs ? fabsf(x) : x;
}

UNTANGLE_DEVICE float identity_of(Reduce fn) {
  if (fn == Reduce::kMax) return bits_float(0xff800000u);
  if (fn == Reduce::kMin) return bits_float(0x7f800000u);
  return fn == Reduce::kProd ? 1.0f : 0.0f;
}

UNTANGLE_DEVICE float combined(Reduce fn, float a, float b) {
  if (fn == Reduce::kMax) return larger(a, b);
  if (fn == Reduce::kMin) return smaller(a, b);
  return fn == Reduce::kProd ? a * b : a + b;
}

/// Elements first, first + step, .. of the reduced dims of the output whose x begins at `x`.
UNTANGLE_DEVICE float reduce_part(const ReduceParams& p, int32_t x, uint32_t first, uint32_t step) {
  const Reduce fn = static_cast<Reduce>(p.fn);
  float result = identity_of(fn);
  float lost = 0.0f;
  for (uint32_t i = first; i < p.reduced.count; i += step) {
    int32_t offsets[1];
    locate(p.reduced, i, offsets);
    const float term = term_of(fn, load(p.kept.values[1], x + offsets[0]));
    if (!is_sum(fn)) {
      result = combined(fn, result, term);
      continue;
    }
    const float corrected = term - lost;
    const float sum = result + corrected;
    const float error = (sum - result) - corrected;
    lost = error == error ? error : 0.0f;  // infinities have no error
    result = sum;
  }
  return result;
}

extern "C" __global__ void __launch_bounds__(256) untangle_reduce(const ReduceParams p) {
  __shared__ float parts[kThreads];
  const Reduce fn = static_cast<Reduce>(p.fn);
  const uint32_t outputs = kThreads / p.lanes;  // of a block
  const uint32_t output = p.neighbours != 0 ? threadIdx.x % outputs : threadIdx.x / p.lanes;
  const uint32_t lane = p.neighbours != 0 ? threadIdx.x / outputs : threadIdx.x % p.lanes;
  const uint32_t step = p.neighbours != 0 ? outputs : 1;  // from one lane's thread to the next's
  const uint32_t index = blockIdx.x * outputs + output;
  const bool is_there = index < p.kept.count;
  int32_t offsets[2] = {0, 0};
  if (is_there) {
    locate(p.kept, index, offsets);
    parts[threadIdx.x] = reduce_part(p, offsets[1], lane, p.lanes);
  }
  for (uint32_t half = p.lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (is_there && lane < half) {
      parts[threadIdx.x] = combined(fn, parts[threadIdx.x], parts[threadIdx.x + half * step]);
    }
  }
  if (!is_there || lane != 0) return;
  const float result = parts[threadIdx.x];
  store(p.kept.values[0], offsets[0],
        fn == Reduce::kMean ? result / static_cast<float>(p.reduced.count) : result);
}

}  // namespace gpu
}  // namespace untangle
