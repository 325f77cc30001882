// Halves as they lie in memory: constants of products where f16 is allowed.

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
#endif

/// Four neighbouring halves.
UNTANGLE_DEVICE float4 half_quad(uint2 quad) {
  return make_float4(half_value(quad.x & 0xffffu), half_value(quad.x >> 16),
                     half_value(quad.y & 0xffffu), half_value(quad.y >> 16));
}

/// Element `at` of floats or of halves.
UNTANGLE_DEVICE float element(const float* data, int32_t at, uint32_t is_half) {
  return is_half != 0 ? half_value(reinterpret_cast<const unsigned short*>(data)[at]) : data[at];
}

}  // namespace gpu
}  // namespace untangle
