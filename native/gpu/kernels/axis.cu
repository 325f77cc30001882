// argReduce, cumulative and softmax: along one axis, the last of the views.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

/// Element `j` of the row of x, or y, that begins at `row`.
UNTANGLE_DEVICE float row_value(const AxisParams& p, int32_t row, uint32_t j) {
  return load(p.kept.values[1], row + static_cast<int32_t>(j) * p.x_step);
}

UNTANGLE_DEVICE void set_row_value(const AxisParams& p, int32_t row, uint32_t j, float value) {
  store(p.kept.values[0], row + static_cast<int32_t>(j) * p.y_step, value);
}

/// Comparisons with what is not a number are false.
extern "C" __global__ void __launch_bounds__(256) untangle_arg_reduce(const AxisParams p) {
  const float sign = static_cast<Extreme>(p.fn) == Extreme::kMax ? 1.0f : -1.0f;
  for (uint32_t i = thread_index(); i < p.kept.count; i += thread_count()) {
    int32_t offsets[2];
    locate(p.kept, i, offsets);
    uint32_t best = 0;
    float best_value = sign * row_value(p, offsets[1], 0);
    for (uint32_t j = 1; j < p.count; j++) {
      const float value = sign * row_value(p, offsets[1], j);
      if (p.flag != 0 ? value >= best_value : value > best_value) {
        best = j;
        best_value = value;
      }
    }
    store(p.kept.values[0], offsets[0], static_cast<float>(best));
  }
}

/// y may be x: every element is read before it is written.
extern "C" __global__ void __launch_bounds__(256) untangle_cumulative(const AxisParams p) {
  const bool sums = static_cast<Cumulate>(p.fn) == Cumulate::kSum;
  for (uint32_t i = thread_index(); i < p.kept.count; i += thread_count()) {
    int32_t offsets[2];
    locate(p.kept, i, offsets);
    double total = sums ? 0.0 : 1.0;
    for (uint32_t j = 0; j < p.count; j++) {
      const double term = row_value(p, offsets[1], j);
      const double next = sums ? total + term : total * term;
      set_row_value(p, offsets[0], j, static_cast<float>(p.flag != 0 ? total : next));
      total = next;
    }
  }
}

UNTANGLE_DEVICE float softmax_value(float x, float largest, float sum, float log_sum, bool log) {
  return log ? x - largest - log_sum : expf(x - largest) / sum;
}

/// One thread per row.
extern "C" __global__ void __launch_bounds__(256) untangle_softmax_short(const AxisParams p) {
  for (uint32_t i = thread_index(); i < p.kept.count; i += thread_count()) {
    int32_t offsets[2];
    locate(p.kept, i, offsets);
    float largest = bits_float(0xff800000u);
    for (uint32_t j = 0; j < p.count; j++) {
      largest = larger(largest, row_value(p, offsets[1], j));
    }
    float sum = 0.0f;
    for (uint32_t j = 0; j < p.count; j++) {
      sum += expf(row_value(p, offsets[1], j) - largest);
    }
    const float log_sum = logf(sum);
    for (uint32_t j = 0; j < p.count; j++) {
      const float value = row_value(p, offsets[1], j);
      set_row_value(p, offsets[0], j, softmax_value(value, largest, sum, log_sum, p.flag != 0));
    }
  }
}

/// One block per row.
extern "C" __global__ void __launch_bounds__(256) untangle_softmax(const AxisParams p) {
  __shared__ float parts[kThreads];
  int32_t offsets[2];
  locate(p.kept, blockIdx.x, offsets);

  float largest = bits_float(0xff800000u);
  for (uint32_t j = threadIdx.x; j < p.count; j += kThreads) {
    largest = larger(largest, row_value(p, offsets[1], j));
  }
  parts[threadIdx.x] = largest;
  for (uint32_t half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      parts[threadIdx.x] = larger(parts[threadIdx.x], parts[threadIdx.x + half]);
    }
  }
  __syncthreads();
  largest = parts[0];
  __syncthreads();

  float sum = 0.0f;
  for (uint32_t j = threadIdx.x; j < p.count; j += kThreads) {
    sum += expf(row_value(p, offsets[1], j) - largest);
  }
  parts[threadIdx.x] = sum;
  for (uint32_t half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
  }
  __syncthreads();
  sum = parts[0];
  const float log_sum = logf(sum);
  for (uint32_t j = threadIdx.x; j < p.count; j += kThreads) {
    const float value = row_value(p, offsets[1], j);
    set_row_value(p, offsets[0], j, softmax_value(value, largest, sum, log_sum, p.flag != 0));
  }
}

}  // namespace gpu
}  // namespace untangle
