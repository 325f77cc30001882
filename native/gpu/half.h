// f32 to f16 on the host.

#pragma once

#include <bit>
#include <cstdint>

namespace untangle::gpu {

/// From here on f32 rounds to a half's infinity.
inline constexpr float kHalfOverflow = 65520.0f;

/// The half nearest to x, ties to even (IEEE 754 binary16).
inline uint16_t to_half(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  const auto with_sign = [sign](uint32_t half) { return static_cast<uint16_t>(sign | half); };
  if (magnitude > 0x7f800000u) return with_sign(0x7e00u);
  if (magnitude >= std::bit_cast<uint32_t>(kHalfOverflow)) return with_sign(0x7c00u);
  if (magnitude < 0x38800000u) {
    // Below the smallest normal number halves are multiples of 2^-24, as are f32 in [0.5, 1).
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return with_sign(std::bit_cast<uint32_t>(shifted) - 0x3f000000u);
  }
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return with_sign((rounded - 0x38000000u) >> 13);
}

}  // namespace untangle::gpu
