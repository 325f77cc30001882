// Products on tensor cores, from compute capability 8.0 on; nothing before, where the host asks for
// none.

#pragma once

#include "native/gpu/kernels/scalar.cuh"

#ifndef UNTANGLE_GPU_EMULATOR

namespace untangle {
namespace gpu {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

/// x with 10 bits of significand.
UNTANGLE_DEVICE float to_tf32(float x) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits_float(bits);
}

/// Two halves, `low` in the lower bits.
UNTANGLE_DEVICE uint32_t half_pair(float low, float high) {
  uint32_t bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

/// d [16 x 8] += a [16 x 8] * b [8 x 8].
UNTANGLE_DEVICE void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// d [16 x 8] += a [16 x 16] * b [16 x 8].
UNTANGLE_DEVICE void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#else

UNTANGLE_DEVICE float to_tf32(float x) { return x; }
UNTANGLE_DEVICE uint32_t half_pair(float, float) { return 0; }
UNTANGLE_DEVICE void mma_tf32(float (&)[4], const uint32_t (&)[4], const uint32_t (&)[2]) {}
UNTANGLE_DEVICE void mma_f16(float (&)[4], const uint32_t (&)[4], const uint32_t (&)[2]) {}

#endif

}  // namespace gpu
}  // namespace untangle

#else

#include "native/gpu/emulator/mma.h"

#endif
