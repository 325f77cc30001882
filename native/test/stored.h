// Packed weights of every type, made of floats that each of them holds exactly.

#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "native/cpu/kernels/kernels.h"
#include "native/program/packing.h"

namespace untangle::test {

inline constexpr WeightType kWeightTypes[] = {WeightType::kFp32, WeightType::kFp16,
                                              WeightType::kInt8};
inline constexpr const char* kWeightNames[] = {"fp32", "fp16", "int8"};

inline const char* name_of(WeightType type) { return kWeightNames[static_cast<size_t>(type)]; }

/// Integers and halves of them, up to 1024.
inline Half to_half(float value) {
  if (value == 0) return std::signbit(value) ? 0x8000 : 0;
  int exponent;
  const float fraction = std::frexp(std::fabs(value), &exponent);  // [0.5, 1) * 2^exponent
  const auto bits = static_cast<uint32_t>(fraction * 2048.0f) - 1024 +
                    (static_cast<uint32_t>(exponent + 14) << 10);
  return static_cast<Half>(bits | (value < 0 ? 0x8000u : 0u));
}

/// The scale of a column: sums of multiples are exact.
inline float test_scale(size_t column) { return column % 3 == 0 ? 0.5f : 0.25f; }

/// [panels][rows][width], whole numbers from -31 to 31, as `type`.
inline std::vector<std::byte> store(WeightType type, const std::vector<float>& values, size_t rows,
                                    size_t width) {
  const size_t panels = values.size() / (rows * width);
  const size_t stride = panel_weights(type, rows, width) * weight_bytes(type);
  std::vector<std::byte> bytes(panels * stride);
  for (size_t panel = 0; panel < panels; panel++) {
    std::byte* at = bytes.data() + panel * stride;
    for (size_t j = 0; type == WeightType::kInt8 && j < width; j++) {
      const float scale = test_scale(j);
      std::memcpy(at + j * sizeof(scale), &scale, sizeof(scale));
    }
    at += scale_weights(type, width) * weight_bytes(type);
    for (size_t i = 0; i < rows * width; i++) {
      const float value = values[panel * rows * width + i];
      const Half half = to_half(value);
      const auto byte = static_cast<int8_t>(value / test_scale(i % width));
      const void* source = type == WeightType::kFp32   ? static_cast<const void*>(&value)
                           : type == WeightType::kFp16 ? static_cast<const void*>(&half)
                                                       : static_cast<const void*>(&byte);
      std::memcpy(at + i * weight_bytes(type), source, weight_bytes(type));
    }
  }
  return bytes;
}

}  // namespace untangle::test
