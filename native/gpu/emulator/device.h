// CUDA's device language, as far as our kernels use it, for a host compiler.
//
// The emulated device runs one block at a time (device.cc), so what a block shares is static.

#pragma once

#include <cmath>
#include <cstdint>

#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(bytes) __attribute__((aligned(bytes)))

namespace untangle {
namespace gpu {

struct Index3 {
  uint32_t x, y, z;
};

// Of the thread that runs.
extern Index3 threadIdx, blockIdx, blockDim, gridDim;

/// Waits until all threads of the block are here.
void __syncthreads();

struct alignas(16) float4 {
  float x, y, z, w;
};

inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

struct alignas(8) uint2 {
  uint32_t x, y;
};

inline unsigned long long atomicMin(unsigned long long* at, unsigned long long value) {
  const unsigned long long old = *at;
  if (value < old) *at = value;
  return old;
}

}  // namespace gpu
}  // namespace untangle
