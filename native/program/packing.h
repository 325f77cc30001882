// How weights lie that are packed for planarTaps; as src/untangle/pack.ts has it.

#pragma once

#include <cstddef>
#include <cstdint>

#include "native/program/format.h"

namespace untangle {

constexpr uint32_t planar_panels(uint32_t channels) {
  return (channels + kMaxPlanarRows - 1) / kMaxPlanarRows;
}

/// Output channels of a panel: at most kMaxPlanarRows, all panels equally wide.
constexpr uint32_t planar_rows(uint32_t channels) {
  return (channels + planar_panels(channels) - 1) / planar_panels(channels);
}

/// Columns of all panels; those past the last channel are zero.
constexpr uint32_t planar_columns(uint32_t channels) {
  const uint32_t rows = planar_rows(channels);
  return (channels + rows - 1) / rows * rows;
}

/// Bytes of a weight.
constexpr size_t weight_bytes(WeightType type) {
  return type == WeightType::kFp32 ? 4 : type == WeightType::kFp16 ? 2 : 1;
}

/// Weights before the first row of a panel: of int8 the scales of its columns, as f32.
constexpr size_t scale_weights(WeightType type, size_t width) {
  return type == WeightType::kInt8 ? width * sizeof(float) : 0;
}

/// Weights from a panel to the next.
constexpr size_t panel_weights(WeightType type, size_t rows, size_t width) {
  const size_t weights = rows * width;
  return type == WeightType::kInt8 ? scale_weights(type, width) + (weights + 3) / 4 * 4 : weights;
}

/// Rows of packed weights, of a multiple of 4 columns, that fill a flat view.
inline uint64_t packed_rows(const ViewRecord& view, uint64_t panels, uint64_t width) {
  uint64_t elements = 1;
  for (uint32_t d = 0; d < view.rank; d++) elements *= (&view.dim0)[d];
  const uint64_t before = scale_weights(static_cast<WeightType>(view.type), width);
  return elements / panels < before ? 0 : (elements / panels - before) / width;
}

}  // namespace untangle
