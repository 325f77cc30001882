// What a gemmTaps item multiplies by: the taps of its region, cut into entries, and the columns of
// the weights, cut into tiles.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "native/cpu/gemm_block.h"

namespace untangle {

/// Entries [first, last), whose rows have the same length.
struct Chunk {
  size_t first;
  size_t last;
  size_t channel;  // where in the tap's channels
  size_t kc;
};

/// The taps of a region; those of many channels in slices, an entry each.
class GemmEntries {
 public:
  GemmEntries(const GemmJob& job, const RegionRecord& region)
      : taps_(job.taps + region.tap_first),
        channels_(region.kc),
        slices_(std::max<size_t>(1, divide_up(channels_, kMaxSlice))),
        slice_(divide_up(channels_, slices_)),
        count_(region.tap_count * slices_) {}

  size_t count() const { return count_; }
  const TapRecord& tap(size_t entry) const { return taps_[entry / slices_]; }

  /// Entries of a chunk: few enough for their weights, `columns` wide, to stay in L2; slices go one
  /// by one.
  size_t per_chunk(size_t columns) const {
    if (slices_ > 1) return 1;
    return std::max<size_t>(1, kChunkFloats / (columns * std::max<size_t>(1, slice_)));
  }
  bool has_slices() const { return slices_ > 1; }

  /// The chunk that begins with entry `first`, of at most `most` entries, before entry `last`.
  Chunk chunk(size_t first, size_t most, size_t last) const {
    const size_t channel = first % slices_ * slice_;
    return {first, std::min(last, first + most), channel,
            std::min<size_t>(slice_, channels_ - channel)};
  }

 private:
  // Weights of a chunk: half of a small core's 256 KB L2.
  static constexpr size_t kChunkFloats = 32768;

  const TapRecord* taps_;
  const size_t channels_;
  const size_t slices_;
  const size_t slice_;
  const size_t count_;
};

/// One column tile of a group.
struct GemmColumns {
  GemmColumns(const GemmJob& job, size_t group, size_t column)
      : panel(group * job.panels + column * job.kernels.panels),
        weights(job.weights.at(panel)),
        scales(job.weights.scales(panel)),
        panel_stride(job.weights.panel_stride()),
        bias(job.bias != nullptr ? job.bias + panel * kPanel : nullptr),
        count(std::min(job.tile_columns(), job.columns - column * job.tile_columns())),
        finish(job.finish) {
    if (finish.kind == Finish::kSlopes) finish.slopes += panel * kPanel;
  }

  size_t panel;  // the first
  const void* weights;
  const float* scales;
  size_t panel_stride;
  const float* bias;
  size_t count;
  Finish finish;
};

}  // namespace untangle
