// Values as they lie in memory, floats or halves; arithmetic is in f32 whatever they are.

#pragma once

#include "native/gpu/kernels/device.cuh"

#ifdef UNTANGLE_GPU_EMULATOR
#include "native/gpu/emulator/mma.h"
#endif

namespace untangle {
namespace gpu {

#ifndef UNTANGLE_GPU_EMULATOR
UNTANGLE_DEVICE float half_value(uint32_t bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<unsigned short>(bits)));
  return value;
}

/// The bits of the half nearest to x, ties to even.
UNTANGLE_DEVICE uint32_t half_bits(float x) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
#endif

UNTANGLE_DEVICE bool has_values(const Values& values) { return values.first != nullptr; }

UNTANGLE_DEVICE float load(const Values& values, int32_t at) {
  return values.is_half != 0 ? half_value(static_cast<const unsigned short*>(values.first)[at])
                             : static_cast<const float*>(values.first)[at];
}

UNTANGLE_DEVICE void store(const Values& values, int32_t at, float value) {
  if (values.is_half != 0) {
    static_cast<unsigned short*>(values.first)[at] = static_cast<unsigned short>(half_bits(value));
  } else {
    static_cast<float*>(values.first)[at] = value;
  }
}

/// Four neighbouring values from `at` on, a multiple of four, below zero in views that run
/// backwards.
UNTANGLE_DEVICE float4 load_quad(const Values& values, int64_t at) {
  if (values.is_half == 0) return static_cast<const float4*>(values.first)[at / 4];
  const uint2 quad = static_cast<const uint2*>(values.first)[at / 4];
  return make_float4(half_value(quad.x & 0xffffu), half_value(quad.x >> 16),
                     half_value(quad.y & 0xffffu), half_value(quad.y >> 16));
}

}  // namespace gpu
}  // namespace untangle
