// Packed weights of any type, as kernels ask for them.

#pragma once

#include <cstddef>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"
#include "native/program/packing.h"

namespace untangle {

/// [panels][rows][width], and of int8 the scales of each panel before its rows.
struct PackedWeights {
  const std::byte* data;
  WeightType type;
  size_t rows;
  size_t width;

  /// Weights from a panel to its right neighbour.
  size_t panel_stride() const { return panel_weights(type, rows, width); }
  /// Row `row` of a panel.
  const void* at(size_t panel, size_t row = 0) const {
    const size_t before = panel * panel_stride() + scale_weights(type, width) + row * width;
    return data + before * weight_bytes(type);
  }
  /// The scales of a panel's columns, or null.
  const float* scales(size_t panel) const {
    if (type != WeightType::kInt8) return nullptr;
    return reinterpret_cast<const float*>(data + panel * panel_stride());
  }
};

inline PackedWeights resolve_weights(const Execution& run, uint32_t index, size_t rows,
                                     size_t width) {
  const ViewRecord& view = run.program.views[index];
  return {.data = slot_memory(run, view.slot) + view.offset_bytes,
          .type = static_cast<WeightType>(view.type),
          .rows = rows,
          .width = width};
}

}  // namespace untangle
