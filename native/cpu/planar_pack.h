// Packing x for planarTaps.

#pragma once

#include "native/cpu/planar_plan.h"

namespace untangle {

/// A box of x, which may reach past its borders.
struct PlanarBox {
  size_t image;
  int64_t row;
  size_t rows;
  int64_t column;
  size_t columns;
  size_t channel;
  size_t channels;
};

/// Writes a box as [row][channel][pixel], rows plan.pitch and channels plan.width floats apart,
/// with zeros for pixels left and right of x. Rows above and below x are left as they are.
void pack_planar(const PlanarJob& job, const PlanarPlan& plan, const PlanarBox& box, float* packed);

}  // namespace untangle
