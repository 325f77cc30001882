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

/// Weights that are wanted after those at hand.
struct NextWeights {
  uintptr_t place = 0;  // 0: none
  size_t bytes = 0;
  /// Part `first` of `parts`, spread over `rows` rows of the weights at hand, one at least.
  Ahead share(size_t first, size_t parts, size_t rows) const {
    if (place == 0) return {};
    const size_t part = divide_up(bytes, parts);
    return {place + first * part, divide_up(part, rows)};
  }
};

/// Where an item finds the weights of its chunks.
class ItemWeights {
 public:
  ItemWeights(const GemmJob& job, const GemmItem& item, const GemmEntries& entries)
      : job_(job), item_(item), entries_(entries) {}

  /// Those of a chunk that has entries.
  NextWeights of(size_t column, const Chunk& chunk) const {
    const GemmColumns columns(job_, item_.group, column);
    const size_t row = entries_.tap(chunk.first).k + chunk.channel;
    const size_t rows = (chunk.last - chunk.first) * chunk.kc;
    return {reinterpret_cast<uintptr_t>(job_.weights.at(columns.panel, row)),
            rows * kPanel * weight_bytes(job_.weights.type)};
  }
  /// Those after a chunk of at most `most` entries: column tile by column tile, all chunks of each.
  NextWeights after(size_t column, const Chunk& chunk, size_t most) const {
    if (chunk.first == chunk.last) return {};
    const size_t count = entries_.count();
    if (chunk.last < count) return of(column, entries_.chunk(chunk.last, most, count));
    if (column + 1 == item_.column_last) return {};
    return of(column + 1, entries_.chunk(0, most, count));
  }

 private:
  const GemmJob& job_;
  const GemmItem& item_;
  const GemmEntries& entries_;
};

}  // namespace untangle
