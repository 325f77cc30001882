// Tiles of a winograd command: which there are, and the pixels that each reads and writes.

#pragma once

#include <span>

#include "native/cpu/activation.h"
#include "native/cpu/kernels/kernels.h"
#include "native/cpu/packed_weights.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

inline constexpr size_t kMaxTileOutputs = kMaxWinogradTile;
inline constexpr size_t kMaxTileInputs = kMaxWinogradTile + kMaxWinogradTaps - 1;
alignas(64) inline const float kWinogradZeros[kMaxWinogradChannels] = {};

/// A tile along one axis.
struct TileAxis {
  size_t taps;
  size_t outputs;
  size_t inputs;
  size_t products;

  size_t tiles(uint32_t count) const { return divide_up(count, outputs); }
};

inline TileAxis make_tile_axis(uint32_t tile, uint32_t taps) {
  if (taps == 1) return {1, 1, 1, 1};
  if (tile == 1) return {taps, 2, 2, 3};  // pairs
  const size_t inputs = tile + taps - 1;
  return {taps, tile, inputs, inputs};
}

struct WinogradJob {
  const Execution& run;
  std::span<const RegionRecord> regions;
  MapView x;
  MapView y;
  MapView residual;
  PackedWeights weights;  // [panels][k_total][kPanel]: [kernels][taps][channels] rows of a panel
  const float* bias;      // [panels * kPanel], or null
  Finish finish;          // of the kernels
  Activation activation;  // of the epilogue; its slopes lie as the bias does
  TileAxis rows;
  TileAxis columns;
  WinogradKernels transforms;

  const Kernels& kernels() const { return run.kernels; }
  size_t taps() const { return rows.taps * columns.taps; }
  size_t products() const { return rows.products * columns.products; }
  size_t outputs() const { return rows.outputs * columns.outputs; }
  size_t padded() const { return divide_up(y.channels, kPanel) * kPanel; }
  size_t input_floats() const { return products() * x.channels + kWinogradGap; }
  size_t sum_floats() const { return products() * padded() + kWinogradGap; }
  size_t tile_floats() const { return input_floats() + sum_floats(); }
  size_t panels() const { return padded() / kPanel; }
  size_t kernel_floats() const { return products() * x.channels * padded(); }
  size_t column_tiles() const { return divide_up(panels(), kernels().panels); }
  bool has_epilogue() const {
    return activation.fn != Unary::kIdentity || residual.data != nullptr;
  }
  bool aborted() const { return run.aborted.load(std::memory_order_relaxed); }

  size_t tiles(const RegionRecord& region) const {
    return y.n * rows.tiles(region.count_y) * columns.tiles(region.count_x);
  }
  /// The first row of a region's kernel.
  size_t kernel(const RegionRecord& region) const { return run.program.taps[region.tap_first].k; }
};

inline WinogradJob make_winograd_job(const WinogradCommand& command, const Execution& run) {
  const MapView y = resolve_map(run, command.y);
  const size_t k_total =
      packed_rows(run.program.views[command.weights_view], divide_up(y.channels, kPanel), kPanel);
  const auto& kernels = run.kernels.winograd[command.tile - kMinWinogradTile];
  WinogradJob job{
      .run = run,
      .regions = run.program.regions.subspan(command.region_first, command.region_count),
      .x = resolve_map(run, command.x),
      .y = y,
      .residual = resolve_map(run, command.residual_view),
      .weights = resolve_weights(run, command.weights_view, k_total, kPanel),
      .bias = resolve_constants(run, command.bias_view),
      .finish = {},
      .activation = resolve_activation(command, run),
      .rows = make_tile_axis(command.tile, command.taps_y),
      .columns = make_tile_axis(command.tile, command.taps_x),
      .transforms = kernels[command.taps_y - 1][command.taps_x - 1]};
  choose_finish(job, job.residual.data != nullptr);
  return job;
}

/// Regions one after the other that share a kernel.
struct KernelTiles {
  std::span<const RegionRecord> regions;
  size_t kernel;
  size_t count;
};

/// The run of regions that starts at `first`.
inline KernelTiles kernel_tiles(const WinogradJob& job, size_t first) {
  const size_t kernel = job.kernel(job.regions[first]);
  size_t last = first;
  size_t count = 0;
  for (; last < job.regions.size() && job.kernel(job.regions[last]) == kernel; last++)
    count += job.tiles(job.regions[last]);
  return {job.regions.subspan(first, last - first), kernel, count};
}

/// Calls visit(tiles) for every kernel.
template <typename F>
void for_each_kernel(const WinogradJob& job, F&& visit) {
  for (size_t first = 0; first < job.regions.size();) {
    const KernelTiles tiles = kernel_tiles(job, first);
    visit(tiles);
    first += tiles.regions.size();
  }
}

/// A tile, as outputs (qy.., qx..) of a region in an image; moves on to the next.
class TileCursor {
 public:
  TileCursor(const WinogradJob& job, const KernelTiles& tiles, size_t index)
      : job_(job), region_(tiles.regions.data()) {
    for (size_t count; index >= (count = job.tiles(*region_)); index -= count) region_++;
    const size_t columns = job.columns.tiles(region_->count_x);
    const size_t rows = job.rows.tiles(region_->count_y);
    qx_ = index % columns * job.columns.outputs;
    qy_ = index / columns % rows * job.rows.outputs;
    image_ = static_cast<uint32_t>(index / columns / rows);
  }

  void next() {
    qx_ += job_.columns.outputs;
    if (qx_ < region_->count_x) return;
    qx_ = 0;
    qy_ += job_.rows.outputs;
    if (qy_ < region_->count_y) return;
    qy_ = 0;
    if (++image_ < job_.y.n) return;
    image_ = 0;
    region_++;
  }

  /// The pixels of x that the tile reads, row by row; zeros outside it.
  void list_inputs(const float** pixels) const {
    const MapView& x = job_.x;
    for (size_t i = 0; i < job_.rows.inputs; i++) {
      const int64_t in_y = region_->in_y + int64_t{region_->in_step_y} * to_signed(qy_ + i);
      for (size_t j = 0; j < job_.columns.inputs; j++) {
        const int64_t in_x = region_->in_x + int64_t{region_->in_step_x} * to_signed(qx_ + j);
        *pixels++ = x.contains(in_y, in_x) ? x.at(image_, in_y, in_x) : kWinogradZeros;
      }
    }
  }

  /// The pixels of a map under the tile's outputs; null for those that the region does not have.
  void list_outputs(const MapView& map, float** pixels) const {
    for (size_t i = 0; i < job_.rows.outputs; i++) {
      const int64_t out_y = region_->out_y + int64_t{region_->out_step_y} * to_signed(qy_ + i);
      for (size_t j = 0; j < job_.columns.outputs; j++) {
        const int64_t out_x = region_->out_x + int64_t{region_->out_step_x} * to_signed(qx_ + j);
        const bool is_there = qy_ + i < region_->count_y && qx_ + j < region_->count_x;
        *pixels++ = is_there ? map.at(image_, out_y, out_x) : nullptr;
      }
    }
  }

 private:
  static int64_t to_signed(size_t value) { return static_cast<int64_t>(value); }

  const WinogradJob& job_;
  const RegionRecord* region_;
  uint32_t image_;
  size_t qy_;
  size_t qx_;
};

}  // namespace untangle
