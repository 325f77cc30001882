// One item of a gemmTaps command: a block of output pixels times a run of column tiles.

#pragma once

#include <cstddef>
#include <cstdint>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"
#include "native/cpu/packed_weights.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

/// A gemmTaps command with everything resolved that its items share.
struct GemmJob {
  const Execution& run;
  const Kernels& kernels;
  const TapRecord* taps;  // the program's
  MapView x;
  MapView y;
  MapView residual;
  PackedWeights weights;  // [groups][panels][k_total][kPanel]
  const float* bias;      // [groups][panels][kPanel], or null
  size_t groups;
  size_t fused_y;
  size_t fused_x;
  size_t group_inputs;    // channels of x per group
  size_t group_outputs;   // channels of y per group
  size_t columns;         // of a group: group_outputs * fused_y * fused_x
  size_t panels;          // of a group
  Finish finish;          // of the kernels
  Activation activation;  // of the epilogue; its slopes lie as the bias does

  /// The residual lies where y will: sums start from it instead of adding it last.
  bool in_place() const { return residual.data != nullptr && residual.data == y.data && !fused(); }
  bool fused() const { return fused_y * fused_x > 1; }
  bool has_epilogue() const { return activation.fn != Unary::kIdentity || adds_residual(); }
  /// The epilogue, not the sum, adds the residual.
  bool adds_residual() const { return residual.data != nullptr && !in_place(); }
  /// Pixels of a row of y, and of the residual, follow one another.
  bool has_dense_rows() const {
    const auto is_dense = [this](const MapView& map) {
      return map.data == nullptr || map.stride_x == static_cast<int64_t>(group_outputs);
    };
    return groups == 1 && is_dense(y) && is_dense(residual);
  }
  const GemmKernels& gemm() const { return kernels.gemm[static_cast<size_t>(weights.type)]; }
  size_t tile_columns() const { return kernels.panels * kPanel; }
  size_t column_tiles() const { return divide_up(columns, tile_columns()); }
};

/// Row tiles [tile_first, tile_last) of a region cut into `tiles`, times column tiles
/// [column_first, column_last).
struct GemmItem {
  const RegionRecord& region;
  size_t group;
  size_t tiles;
  size_t tile_first;
  size_t tile_last;
  size_t column_first;
  size_t column_last;
};

/// What tap (0, 0) of a run's first pixel reads: elements from x, outside which it may lie.
inline int64_t input_offset(const GemmJob& job, const RegionRecord& region, const RegionRun& run) {
  return run.image * job.x.stride_n +
         (region.in_y + int64_t{run.qy} * region.in_step_y) * job.x.stride_y +
         (region.in_x + int64_t{run.qx} * region.in_step_x) * job.x.stride_x;
}

/// A run's first pixel of y, channel 0 of the group; regions that may be cropped have none.
inline float* first_output(const GemmJob& job, const GemmItem& item, const RegionRun& run) {
  const RegionRecord& region = item.region;
  return job.y.at(run.image, region.out_y + int64_t{run.qy} * region.out_step_y,
                  region.out_x + int64_t{run.qx} * region.out_step_x) +
         item.group * job.group_outputs;
}

/// Most output pixels of one item, and most (pixel, tap) pairs it keeps pointers for.
inline constexpr size_t kMaxBlockPixels = 192;
inline constexpr size_t kMaxRowPointers = 12288;

/// Longest run of input channels of one kernel call: what the block of zeros for padded reads can
/// hold.
inline constexpr size_t kMaxSlice = 2048;

/// A column tile of C for some pixels of an item; unless phases are fused it lies in y.
struct GemmSums {
  const RegionPixel* pixels;
  size_t count;  // at most kMaxBlockPixels
  size_t column;
  const float* sums;  // fused: [count], kMaxTileColumns apart
};

/// Residual and activation, where kernels have left any; scatters the columns of fused phases.
void finish_gemm(const GemmJob& job, const GemmItem& item, const GemmSums& sums);

/// Whether items of the region are for run_gemm_runs.
bool has_long_runs(const GemmJob& job, const RegionRecord& region);

/// Computes the item; returns early when the run is aborted.
void run_gemm_runs(const GemmJob& job, const GemmItem& item, std::byte* workspace);
void run_gemm_item(const GemmJob& job, const GemmItem& item, std::byte* workspace);

}  // namespace untangle
