// Tensor cores of the emulated device: the fragments of mma.sync as the PTX ISA lays them out.

#pragma once

#include <bit>
#include <cstdint>

#include "native/gpu/emulator/device.h"
#include "native/gpu/kernels/scalar.cuh"

namespace untangle {
namespace gpu {

/// Rounded to 10 bits of significand, ties away from zero.
inline float to_tf32(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const bool is_finite = (bits & 0x7f800000u) != 0x7f800000u;
  return is_finite ? std::bit_cast<float>((bits + 0x1000u) & ~0x1fffu) : x;
}

/// The bits of the half nearest to x.
inline uint32_t half_bits(float x) {
  const float rounded = to_float16(x);
  const uint32_t bits = std::bit_cast<uint32_t>(rounded);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const int32_t exponent = static_cast<int32_t>(bits >> 23 & 0xffu) - 112;
  if (rounded != rounded) return sign | 0x7e00u;
  if (exponent >= 31) return sign | 0x7c00u;
  if (exponent > 0) return sign | static_cast<uint32_t>(exponent) << 10 | (bits >> 13 & 0x3ffu);
  return sign | static_cast<uint32_t>(fabsf(rounded) * 16777216.0f);  // a multiple of 2^-24
}

inline float half_value(uint32_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = bits >> 10 & 31u;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent > 0 && exponent < 31) {
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  const float magnitude = static_cast<float>(fraction) / 16777216.0f;  // multiples of 2^-24
  return sign != 0 ? -magnitude : magnitude;
}

inline uint32_t half_pair(float low, float high) { return half_bits(high) << 16 | half_bits(low); }

/// What the threads of a warp bring to a product.
struct Fragments {
  uint32_t a[32][4];
  uint32_t b[32][2];
};

/// d += a * b over Depth; element(words, index) is one of the values in a thread's words.
template <uint32_t Depth, typename Left, typename Right>
inline void multiply_fragments(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                               Left left, Right right) {
  static Fragments warps[32];
  Fragments& fragments = warps[threadIdx.x / 32];
  const uint32_t lane = threadIdx.x % 32;
  for (uint32_t i = 0; i < 4; i++) fragments.a[lane][i] = a[i];
  for (uint32_t i = 0; i < 2; i++) fragments.b[lane][i] = b[i];
  __syncthreads();
  for (uint32_t i = 0; i < 4; i++) {
    const uint32_t row = lane / 4 + i / 2 * 8;
    const uint32_t column = lane % 4 * 2 + i % 2;
    float sum = 0;
    for (uint32_t k = 0; k < Depth; k++) {
      sum += left(fragments, row, k) * right(fragments, k, column);
    }
    d[i] += sum;
  }
  __syncthreads();
}

inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  multiply_fragments<8>(
      d, a, b,
      [](const Fragments& from, uint32_t row, uint32_t k) {
        return std::bit_cast<float>(from.a[row % 8 * 4 + k % 4][row / 8 + k / 4 * 2]);
      },
      [](const Fragments& from, uint32_t k, uint32_t column) {
        return std::bit_cast<float>(from.b[column * 4 + k % 4][k / 4]);
      });
}

inline void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const auto half = [](uint32_t pair, uint32_t k) {
    return half_value(pair >> (k % 2 * 16) & 0xffffu);
  };
  multiply_fragments<16>(
      d, a, b,
      [&](const Fragments& from, uint32_t row, uint32_t k) {
        return half(from.a[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2], k);
      },
      [&](const Fragments& from, uint32_t k, uint32_t column) {
        return half(from.b[column * 4 + k % 8 / 2][k / 8], k);
      });
}

}  // namespace gpu
}  // namespace untangle
