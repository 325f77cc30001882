// planarTaps: convolutions with pixels in the vector lanes.
//
// An item is a rectangle of every region: the rows of x it needs are packed as
// [row][channel][pixel], with zeros for padding, and all regions read them. Channels are multiplied
// in slices whose window of rows stays in L1; sums wait in the workspace between slices. An output
// row is written when its last slice is done: phases whose outputs lie side by side are interleaved
// on their way, so that rows of planes are written whole.

#include <algorithm>
#include <atomic>

#include "native/cpu/planar_pack.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

namespace {

constexpr size_t kMaxTaps = 1024;
// Regions that are interleaved on their way to y.
constexpr size_t kMaxSideBySide = 16;

struct PlanarWorkspace {
  alignas(64) float packed[kPlanarPackFloats];  // [row][channel][pixel]
  alignas(64) float sums[kPlanarSumFloats];     // [row][region][channel][pixel]
  alignas(64) float residual[kMaxPlanarRows * kPlanarTile];
  alignas(64) float slope[kPlanarTile];
  alignas(64) float staged[kMaxSideBySide * kPlanarTile];
  const float* x[kMaxTaps];
  const float* weights[kMaxTaps];
  uint32_t tap_end[kMaxTaps];  // [region of the row], when all their taps are listed
};
static_assert(sizeof(PlanarWorkspace) <= kWorkspaceBytes);

/// Output rows [y_first, y_last) and pixels [x_first, x_last) of every region, of one image.
class PlanarItem {
 public:
  PlanarItem(const PlanarJob& job, const PlanarPlan& plan, size_t index, std::byte* workspace)
      : job_(job),
        plan_(plan),
        work_(*reinterpret_cast<PlanarWorkspace*>(workspace)),
        image_(index / plan.tiles / plan.blocks),
        y_first_(index / plan.tiles % plan.blocks * plan.block),
        y_last_(std::min(plan.count_y, y_first_ + plan.block)),
        x_first_(index % plan.tiles * plan.tile),
        x_last_(std::min(plan.count_x, x_first_ + plan.tile)),
        row_first_(plan.min_y + static_cast<int64_t>(y_first_ * plan.in_step)) {}

  void run() {
    if (packs_once()) pack(0, job_.x.channels);
    for (size_t first = 0; first < job_.regions.size(); first += plan_.regions) {
      const size_t last = std::min(job_.regions.size(), first + plan_.regions);
      for (size_t channel = 0; channel < job_.x.channels; channel += plan_.packed) {
        const size_t kc = std::min(plan_.packed, job_.x.channels - channel);
        if (!packs_once()) pack(channel, kc);
        for (size_t y = y_first_; y < y_last_; y++) {
          if (job_.run.aborted.load(std::memory_order_relaxed)) return;
          run_row({first, last, y}, channel, kc);
        }
      }
    }
    if (job_.streams) job_.kernels().ops.end_streams();
  }

 private:
  /// Output row `y` of regions [first, last).
  struct Row {
    size_t first;
    size_t last;
    size_t y;
  };

  bool packs_once() const { return plan_.packed == job_.x.channels; }

  /// Adds the packed channels [channel, channel + kc), slice by slice; the last ones end the row.
  void run_row(const Row& row, size_t channel, size_t kc) {
    const bool is_listed = list_row(row);
    for (size_t slice = 0; slice < kc; slice += plan_.slice) {
      const Slice part{channel, slice, std::min(plan_.slice, kc - slice)};
      for (size_t index = row.first; index < row.last; index++) {
        const size_t pixels = pixels_of(index, row.y);
        if (pixels == 0) continue;
        if (is_listed) {
          const size_t begin = index > row.first ? work_.tap_end[index - row.first - 1] : 0;
          const size_t count = work_.tap_end[index - row.first] - begin;
          add(begin, count, part, part.begins(), pixels, sums(row, index));
        } else {
          multiply(job_.regions[index], row.y, pixels, part, sums(row, index));
        }
      }
    }
    if (channel + kc == job_.x.channels) finish_row(row);
  }

  /// Outputs of a region in row `y` of the item.
  size_t pixels_of(size_t index, size_t y) const {
    const RegionRecord& region = job_.regions[index];
    if (y >= region.count_y || x_first_ >= region.count_x) return 0;
    return std::min<size_t>(x_last_, region.count_x) - x_first_;
  }

  /// [channel][pixel] of a region; rows take turns when x is packed once.
  float* sums(const Row& row, size_t index) const {
    const size_t slot = packs_once() ? 0 : (row.y - y_first_) * (row.last - row.first);
    return work_.sums + (slot + index - row.first) * job_.y.channels * plan_.tile;
  }

  /// Packs channels [channel, channel + kc) of the rows and columns that the item reads.
  void pack(size_t channel, size_t kc) {
    pack_planar(job_, plan_,
                {.image = image_,
                 .row = row_first_,
                 .rows = (y_last_ - y_first_ - 1) * plan_.in_step + plan_.window,
                 .column = plan_.min_x + static_cast<int64_t>(x_first_),
                 .columns = x_last_ - x_first_ + plan_.span,
                 .channel = channel,
                 .channels = kc},
                work_.packed);
  }

  /// Channels [packed + first, + count) of x, at `first` of the packed ones.
  struct Slice {
    size_t packed;
    size_t first;
    size_t count;
    bool begins() const { return packed + first == 0; }
  };

  /// Adds a slice of channels to the sums of one output row of a region whose taps are not listed.
  void multiply(const RegionRecord& region, size_t y, size_t pixels, const Slice& slice,
                float* sums) {
    size_t tap = 0;
    bool begins = slice.begins();
    do {  // once, unless there are more taps than pointers
      const size_t end = std::min<size_t>(region.tap_count, tap + kMaxTaps);
      add(0, list_taps(region, y, tap, end, 0), slice, begins, pixels, sums);
      begins = false;
      tap = end;
    } while (tap < region.tap_count);
  }

  /// Adds a slice of channels of listed taps; the first one `begins` with the bias.
  void add(size_t tap, size_t taps, const Slice& slice, bool begins, size_t pixels,
           float* sums) const {
    if (taps == 0 && !begins) return;
    call({.x = work_.x + tap,
          .x_first = slice.first * plan_.width,
          .first = 0,
          .x_stride = plan_.width,
          .weights = work_.weights + tap,
          .weight_first = (slice.packed + slice.first) * job_.rows,
          .weight_stride = job_.rows,
          .taps = taps,
          .kc = slice.count,
          .bias = begins ? job_.bias : nullptr,
          .c = sums,
          .c_stride = plan_.tile,
          .accumulate = !begins},
         pixels);
  }

  /// Lists the taps of all regions of a row; false when they are too many.
  bool list_row(const Row& row) {
    size_t taps = 0;
    for (size_t index = row.first; index < row.last; index++) taps += job_.regions[index].tap_count;
    if (taps > kMaxTaps || row.last - row.first > kMaxTaps) return false;
    size_t end = 0;
    for (size_t index = row.first; index < row.last; index++) {
      const RegionRecord& region = job_.regions[index];
      end += list_taps(region, row.y, 0, region.tap_count, end);
      work_.tap_end[index - row.first] = static_cast<uint32_t>(end);
    }
    return true;
  }

  /// Lists, from place `at` on, what taps [first, last) read for output row y, without those above
  /// and below x: their rows of the first packed channel.
  size_t list_taps(const RegionRecord& region, size_t y, size_t first, size_t last, size_t at) {
    const size_t begin = at;
    const int64_t in_y = region.in_y + static_cast<int64_t>(y * region.in_step_y);
    for (size_t t = first; t < last; t++) {
      const TapRecord& tap = job_.taps(region)[t];
      const int64_t row = in_y + tap.dy;
      if (row < 0 || row >= job_.x.height) continue;
      const size_t column = static_cast<size_t>(int64_t{region.in_x} + tap.dx - plan_.min_x);
      work_.x[at] = work_.packed + static_cast<size_t>(row - row_first_) * plan_.pitch + column;
      work_.weights[at] = job_.weights + tap.k * job_.rows;
      at++;
    }
    return at - begin;
  }

  /// All output channels, a panel of weights at a time.
  void call(PlanarTile tile, size_t pixels) const {
    for (size_t channel = 0; channel < job_.y.channels; channel += job_.rows) {
      const size_t rows = std::min(job_.rows, job_.y.channels - channel);
      call_rows(tile, rows, pixels);
      tile.weight_first += job_.k_total * job_.rows;
      if (tile.bias != nullptr) tile.bias += rows;
      tile.c += rows * tile.c_stride;
    }
  }

  /// The rows of a panel; in halves where registers hold one vector of pixels only.
  void call_rows(PlanarTile tile, size_t rows, size_t pixels) const {
    const bool fits = rows == 1 || job_.kernels().planar_vectors[rows - 1] > 1;
    const size_t parts = fits ? 1 : 2;
    for (size_t part = 0; part < parts; part++) {
      const size_t count = split_at(rows, parts, part + 1) - split_at(rows, parts, part);
      call_kernel(tile, count, pixels);
      tile.weight_first += count;
      if (tile.bias != nullptr) tile.bias += count;
      tile.c += count * tile.c_stride;
    }
  }

  void call_kernel(PlanarTile tile, size_t rows, size_t pixels) const {
    const Kernels& kernels = job_.kernels();
    const size_t vectors = divide_up(pixels, kernels.lanes);
    const size_t parts = divide_up(vectors, kernels.planar_vectors[rows - 1]);
    for (size_t part = 0; part < parts; part++) {
      const size_t first = split_at(vectors, parts, part);
      tile.first = first * kernels.lanes;
      kernels.planar[rows - 1][split_at(vectors, parts, part + 1) - first - 1](tile);
    }
  }

  // --- from sums to y

  void finish_row(const Row& row) {
    for (size_t index = row.first; index < row.last;) {
      const size_t count = side_by_side(row, index);
      for (size_t channel = 0; channel < job_.y.channels; channel += kMaxPlanarRows)
        finish(row, index, count, channel);
      index += count;
    }
  }

  /// How many regions from `index` on write every pixel of one row of planes together; else 1.
  size_t side_by_side(const Row& row, size_t index) const {
    const RegionRecord& first = job_.regions[index];
    const size_t count = first.out_step_x;
    if (count < 2 || count > kMaxSideBySide || job_.y.stride_x != 1 || count > row.last - index)
      return 1;
    for (size_t i = 0; i < count; i++) {
      const RegionRecord& region = job_.regions[index + i];
      if (region.out_x != static_cast<int32_t>(i) || region.out_step_x != count ||
          region.out_y != first.out_y || region.out_step_y != first.out_step_y ||
          pixels_of(index + i, row.y) == 0) {
        return 1;
      }
    }
    return count;
  }

  /// Ends `count` regions from `index` on, for a panel of channels from `channel` on.
  void finish(const Row& row, size_t index, size_t count, size_t channel) {
    const size_t channels = std::min<size_t>(kMaxPlanarRows, job_.y.channels - channel);
    size_t common = plan_.tile;
    for (size_t i = index; i < index + count; i++) {
      common = std::min(common, pixels_of(i, row.y));
      add_epilogue(row, i, channel, channels);
    }
    if (count > 1) interleave(row, index, count, {channel, channels, common});
    for (size_t i = index; i < index + count; i++) {
      const size_t start = count > 1 ? common : 0;
      if (pixels_of(i, row.y) > start) store(row, i, {channel, channels, start});
    }
  }

  /// Channels [first, first + count) and a number of pixels.
  struct Part {
    size_t first;
    size_t count;
    size_t pixels;
  };

  /// The first pixels of regions that lie side by side: pixel i of each, then pixel i + 1.
  void interleave(const Row& row, size_t index, size_t count, const Part& part) const {
    const auto region = static_cast<ptrdiff_t>(job_.y.channels * plan_.tile);
    const Block target = target_of(job_.y, row, index, part.first);
    const OpKernels& ops = job_.kernels().ops;
    for (size_t c = 0; c < part.count; c++) {
      float* source = sums(row, index) + (part.first + c) * plan_.tile;
      float* y = target.data + static_cast<ptrdiff_t>(c) * target.row_stride;
      float* place = job_.streams ? work_.staged : y;
      ops.copy_block({source, region, 1}, {place, 1, static_cast<ptrdiff_t>(count)}, count,
                     part.pixels);
      if (job_.streams) ops.stream(place, y, count * part.pixels);
    }
  }

  /// The pixels of a region from `part.pixels` on.
  void store(const Row& row, size_t index, const Part& part) const {
    const auto start = static_cast<ptrdiff_t>(part.pixels);
    Block target = target_of(job_.y, row, index, part.first);
    target.data += start * target.column_stride;
    float* source = sums(row, index) + part.first * plan_.tile + start;
    const size_t pixels = pixels_of(index, row.y) - part.pixels;
    if (job_.streams && target.column_stride == 1) {
      for (size_t c = 0; c < part.count; c++)
        job_.kernels().ops.stream(source + c * plan_.tile,
                                  target.data + static_cast<ptrdiff_t>(c) * target.row_stride,
                                  pixels);
      return;
    }
    job_.kernels().ops.copy_block({source, static_cast<ptrdiff_t>(plan_.tile), 1}, target,
                                  part.count, pixels);
  }

  /// The first output of a region's row in `map`: channels are rows, pixels are columns.
  Block target_of(const PlanarMap& map, const Row& row, size_t index, size_t channel) const {
    const RegionRecord& region = job_.regions[index];
    const int64_t out_y = region.out_y + static_cast<int64_t>(row.y * region.out_step_y);
    const int64_t out_x = region.out_x + static_cast<int64_t>(x_first_ * region.out_step_x);
    return {map.at(image_, out_y, out_x) + static_cast<int64_t>(channel) * map.stride_c,
            map.stride_c, map.stride_x * region.out_step_x};
  }

  /// Residual and activation, on the sums.
  void add_epilogue(const Row& row, size_t index, size_t channel, size_t channels) {
    const bool adds = job_.residual.data != nullptr;
    if (!adds && job_.activation.fn == Unary::kIdentity) return;
    const size_t pixels = pixels_of(index, row.y);
    const auto tile = static_cast<ptrdiff_t>(plan_.tile);
    if (adds) {
      job_.kernels().ops.copy_block(target_of(job_.residual, row, index, channel),
                                    {work_.residual, tile, 1}, channels, pixels);
    }
    for (size_t c = 0; c < channels; c++) {
      float* source = sums(row, index) + (channel + c) * plan_.tile;
      activate(channel + c, pixels, source, work_.residual + c * plan_.tile);
    }
  }

  void activate(size_t channel, size_t pixels, float* row, const float* residual) {
    Activation activation = job_.activation;
    if (activation.slope != nullptr) {
      std::fill_n(work_.slope, pixels, activation.slope[channel]);
      activation.slope = work_.slope;
    }
    job_.kernels().epilogue({.rows = 1,
                             .columns = pixels,
                             .source = &row,
                             .target = &row,
                             .residual = job_.residual.data != nullptr ? &residual : nullptr,
                             .activation = activation});
  }

  const PlanarJob& job_;
  const PlanarPlan& plan_;
  PlanarWorkspace& work_;
  const size_t image_;
  const size_t y_first_;
  const size_t y_last_;
  const size_t x_first_;
  const size_t x_last_;
  const int64_t row_first_;  // of x; may lie above it
};

}  // namespace

void run_planar_taps(const PlanarTapsCommand& command, const Execution& run) {
  const PlanarJob job = make_planar_job(command, run);
  const PlanarPlan plan = plan_planar(job);
  run.pool.parallel_for(job.y.n * plan.blocks * plan.tiles, [&](size_t item, size_t thread) {
    if (run.aborted.load(std::memory_order_relaxed)) return;
    PlanarItem(job, plan, item, run.workspace[thread]).run();
  });
}

}  // namespace untangle
