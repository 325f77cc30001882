// How a planarTaps command is cut: its operands, and the rectangles, slices and panels it is run
// in.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"

namespace untangle {

/// Packed x of an item: half of a small core's L2, and at least one channel of the largest window.
inline constexpr size_t kPlanarPackFloats = kMaxPlanarWindow;
/// Sums that wait in the workspace.
inline constexpr size_t kPlanarSumFloats = 16384;

/// A map [N, H, W, C] with any strides, in elements.
struct PlanarMap {
  float* data = nullptr;  // null: there is none
  size_t n = 0;
  int64_t height = 0;
  int64_t width = 0;
  size_t channels = 0;
  int64_t stride_n = 0;
  int64_t stride_y = 0;
  int64_t stride_x = 0;
  int64_t stride_c = 0;

  float* at(size_t image, int64_t y, int64_t x) const {
    return data + static_cast<int64_t>(image) * stride_n + y * stride_y + x * stride_x;
  }
};

/// A planarTaps command with everything resolved that its items share.
struct PlanarJob {
  const Execution& run;
  std::span<const RegionRecord> regions;
  PlanarMap x;
  PlanarMap y;
  PlanarMap residual;
  const float* weights;  // [panels][k_total][rows]
  const float* bias;     // [y.channels], or null
  size_t k_total;
  size_t rows;            // output channels of a panel
  bool streams;           // y is large and not for the next command
  Activation activation;  // its slope is per channel of y

  const Kernels& kernels() const { return run.kernels; }
  const TapRecord* taps(const RegionRecord& region) const {
    return run.program.taps.data() + region.tap_first;
  }
};

PlanarJob make_planar_job(const PlanarTapsCommand& command, const Execution& run);

/// What all regions read and write together, and how it is cut.
struct PlanarPlan {
  int64_t min_y = 0;  // of x, for output row 0
  int64_t min_x = 0;
  size_t window = 1;  // rows of x that one output row reads
  size_t span = 0;    // columns beyond one per pixel
  size_t count_y = 0;
  size_t count_x = 0;
  size_t in_step = 1;
  size_t tile = 0;     // pixels, whole vectors
  size_t width = 0;    // of a packed row
  size_t slice = 0;    // channels multiplied at a time
  size_t packed = 0;   // channels packed at a time: a slice, or all
  size_t pitch = 0;    // from a packed row to the next
  size_t regions = 0;  // whose sums fit at a time
  size_t block = 0;    // output rows of an item
  size_t blocks = 0;
  size_t tiles = 0;
};

/// Slices depend on the shapes alone, so that an output is one chain of FMAs whatever the threads.
PlanarPlan plan_planar(const PlanarJob& job);

}  // namespace untangle
