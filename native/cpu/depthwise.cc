// depthwise: one weight per tap and channel, row by row of the outputs.
//
// A row is cut where a tap begins or ends to fall on the input: between two cuts all pixels have
// the same taps, and neither zeros nor checks are needed. Each output is one chain of FMAs in the
// order of the taps, inside one item: the thread count changes nothing.

#include <algorithm>
#include <atomic>

#include "native/cpu/activation.h"
#include "native/cpu/kernels/kernels.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

namespace {

// Taps whose places are kept at a time.
constexpr size_t kMaxTaps = 4096;
// Multiply-accumulates of an item: some 10 us, as these loops wait for memory more than for FMAs.
constexpr size_t kItemMacs = 262144;
// Outputs that are finished while they are in L1: as many as have these floats, of so many pixels.
constexpr size_t kFinishFloats = 4096;
constexpr size_t kFewestPixels = 8;
constexpr size_t kMostPixels = 64;

/// Outputs [first, last) of a row or column.
struct Span {
  int64_t first;
  int64_t last;

  bool empty() const { return first >= last; }
};

/// Those of [0, count) whose start + step * index lies in [0, size).
Span inside(int64_t start, uint32_t step, uint32_t count, uint32_t size) {
  if (step == 0) return {0, start >= 0 && start < size ? count : 0};
  const int64_t by = step;
  const int64_t first = start >= 0 ? 0 : (by - 1 - start) / by;
  const int64_t last = start >= size ? 0 : (size - start + by - 1) / by;
  return {first, std::min<int64_t>(last, count)};
}

Span overlap(Span a, Span b) { return {std::max(a.first, b.first), std::min(a.last, b.last)}; }

struct DepthwiseWorkspace {
  Span columns[kMaxTaps];  // of each tap, those that it reads inside x
  const float* x[kMaxTaps];
  const float* weights[kMaxTaps];
};
static_assert(sizeof(DepthwiseWorkspace) <= kWorkspaceBytes);

struct DepthwiseJob {
  const Execution& run;
  MapView x;
  MapView y;
  MapView residual;
  const float* weights;   // [k][channels]
  const float* bias;      // [channels], or null
  Finish finish;          // of the kernels
  Activation activation;  // of the epilogue; its slope is per channel

  /// The residual lies where y will: sums start from it instead of adding it last.
  bool in_place() const { return residual.data != nullptr && residual.data == y.data; }
  bool adds_residual() const { return residual.data != nullptr && !in_place(); }
  bool has_epilogue() const { return activation.fn != Unary::kIdentity || adds_residual(); }
};

/// Rows [first_row, last_row) of all images, and columns of each.
struct DepthwiseItem {
  const RegionRecord& region;
  size_t first_row;
  size_t last_row;
  Span columns;
};

class DepthwiseSweep {
 public:
  DepthwiseSweep(const DepthwiseJob& job, const DepthwiseItem& item, DepthwiseWorkspace& work)
      : job_(job),
        region_(item.region),
        item_(item),
        work_(work),
        columns_(overlap(item.columns,
                         inside(region_.out_x, region_.out_step_x, region_.count_x, job.y.width))) {
  }

  void run() {
    if (columns_.empty()) return;
    size_t first = 0;
    do {  // once, unless there are thousands of taps; none at all still write the bias
      const size_t last = std::min<size_t>(region_.tap_count, first + kMaxTaps);
      taps_ = job_.run.program.taps.subspan(region_.tap_first + first, last - first);
      accumulates_ = first > 0 || job_.in_place();
      adds_bias_ = first == 0;
      is_last_ = last == region_.tap_count;
      run_taps();
      first = last;
    } while (first < region_.tap_count);
  }

 private:
  void run_taps() {
    for (size_t i = 0; i < taps_.size(); i++) {
      work_.columns[i] = inside(int64_t{region_.in_x} + taps_[i].dx, region_.in_step_x,
                                region_.count_x, job_.x.width);
    }
    for (size_t row = item_.first_row; row < item_.last_row; row++) {
      if (job_.run.aborted.load(std::memory_order_relaxed)) return;
      const auto image = static_cast<uint32_t>(row / region_.count_y);
      const auto qy = static_cast<int64_t>(row % region_.count_y);
      const int64_t out_y = region_.out_y + qy * region_.out_step_y;
      if (out_y < 0 || out_y >= job_.y.height) continue;
      const int64_t in_y = region_.in_y + qy * region_.in_step_y;
      for (Span part{columns_.first, 0}; part.first < columns_.last; part.first = part.last) {
        const size_t taps = list_taps(image, in_y, part);
        run_part(image, out_y, part, taps);
      }
    }
  }

  /// Taps that the outputs from part.first on have in common; where the next ones differ is
  /// part.last.
  size_t list_taps(uint32_t image, int64_t in_y, Span& part) {
    part.last = columns_.last;
    const int64_t in_x = region_.in_x + part.first * region_.in_step_x;
    size_t count = 0;
    for (size_t i = 0; i < taps_.size(); i++) {
      const TapRecord& tap = taps_[i];
      const Span& reads = work_.columns[i];
      const int64_t y = in_y + tap.dy;
      if (y < 0 || y >= job_.x.height || reads.empty() || reads.last <= part.first) continue;
      if (reads.first > part.first) {
        part.last = std::min(part.last, reads.first);
        continue;
      }
      part.last = std::min(part.last, reads.last);
      work_.x[count] = job_.x.at(image, y, in_x + tap.dx);
      work_.weights[count++] = job_.weights + size_t{tap.k} * job_.x.channels;
    }
    return count;
  }

  /// Outputs of one row that have their taps in common, with the epilogue.
  void run_part(uint32_t image, int64_t out_y, Span part, size_t taps) const {
    const MapView& y = job_.y;
    const size_t channels = job_.x.channels;
    const int64_t out_x = region_.out_x + part.first * region_.out_step_x;
    DepthwiseRow row{.x = work_.x,
                     .x_step = job_.x.stride_x * region_.in_step_x,
                     .weights = work_.weights,
                     .taps = taps,
                     .bias = adds_bias_ ? job_.bias : nullptr,
                     .y = y.at(image, out_y, out_x),
                     .y_step = y.stride_x * region_.out_step_x,
                     .first = 0,
                     .last = static_cast<size_t>(part.last - part.first),
                     .channels = channels,
                     .accumulate = accumulates_,
                     .finish = is_last_ ? job_.finish : Finish{}};
    if (!is_last_ || !job_.has_epilogue()) return job_.run.kernels.depthwise(row);
    const float* residual = job_.adds_residual() ? job_.residual.at(image, out_y, out_x) : nullptr;
    const size_t pixels = row.last;
    const size_t step = std::clamp<size_t>(kFinishFloats / channels, kFewestPixels, kMostPixels);
    for (; row.first < pixels; row.first = row.last) {
      row.last = std::min(pixels, row.first + step);
      job_.run.kernels.depthwise(row);
      finish(row, residual);
    }
  }

  /// Residual and activation of pixels [row.first, row.last).
  void finish(const DepthwiseRow& row, const float* residual) const {
    const ptrdiff_t residual_step = job_.residual.stride_x * region_.out_step_x;
    float* target[kMostPixels];
    const float* added[kMostPixels];
    for (size_t pixel = row.first; pixel < row.last; pixel++) {
      const auto at = static_cast<ptrdiff_t>(pixel);
      target[pixel - row.first] = row.y + at * row.y_step;
      if (residual != nullptr) added[pixel - row.first] = residual + at * residual_step;
    }
    job_.run.kernels.epilogue({.rows = row.last - row.first,
                               .columns = row.channels,
                               .source = target,
                               .target = target,
                               .residual = residual != nullptr ? added : nullptr,
                               .activation = job_.activation});
  }

  const DepthwiseJob& job_;
  const RegionRecord& region_;
  const DepthwiseItem& item_;
  DepthwiseWorkspace& work_;
  const Span columns_;  // of the item, inside y
  std::span<const TapRecord> taps_;
  bool accumulates_ = false;
  bool adds_bias_ = false;
  bool is_last_ = false;
};

/// How the rows of a region are handed out: some at a time, or one in parts.
struct DepthwiseItems {
  size_t rows;      // of all images
  size_t per_item;  // rows of an item
  size_t parts;     // items of a row

  DepthwiseItems(const DepthwiseJob& job, const RegionRecord& region)
      : rows(size_t{job.y.n} * region.count_y) {
    const size_t taps = std::max<uint32_t>(1, region.tap_count);
    const size_t macs = std::max<size_t>(1, taps * job.x.channels * region.count_x);
    per_item = std::max<size_t>(1, kItemMacs / macs);
    parts = std::min<size_t>(region.count_x, divide_up(macs, kItemMacs));
  }

  size_t count() const { return divide_up(rows, per_item) * parts; }

  DepthwiseItem at(const RegionRecord& region, size_t index) const {
    const size_t first = index / parts * per_item;
    const size_t part = index % parts;
    return {.region = region,
            .first_row = first,
            .last_row = std::min(rows, first + per_item),
            .columns = {static_cast<int64_t>(split_at(region.count_x, parts, part)),
                        static_cast<int64_t>(split_at(region.count_x, parts, part + 1))}};
  }
};

}  // namespace

void run_depthwise(const DepthwiseCommand& command, const Execution& run) {
  DepthwiseJob job{.run = run,
                   .x = resolve_map(run, command.x),
                   .y = resolve_map(run, command.y),
                   .residual = resolve_map(run, command.residual_view),
                   .weights = resolve_constants(run, command.weights_view),
                   .bias = resolve_constants(run, command.bias_view),
                   .finish = {},
                   .activation = resolve_activation(command, run)};
  choose_finish(job, job.adds_residual());
  const auto regions = run.program.regions.subspan(command.region_first, command.region_count);

  size_t items = 0;
  for (const RegionRecord& region : regions) items += DepthwiseItems(job, region).count();
  run.pool.parallel_for(items, [&](size_t item, size_t thread) {
    auto& work = *reinterpret_cast<DepthwiseWorkspace*>(run.workspace[thread]);
    for (const RegionRecord& region : regions) {
      const DepthwiseItems split(job, region);
      if (item < split.count()) return DepthwiseSweep(job, split.at(region, item), work).run();
      item -= split.count();
    }
  });
}

}  // namespace untangle
