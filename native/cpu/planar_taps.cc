// planarTaps: convolutions with few output channels, pixels in the vector lanes.
//
// An item is a rectangle of every region: the rows of x it needs are packed as
// [row][channel][pixel], with zeros for padding, and all regions read them. Channels go in slices
// whose window of rows stays in L1; sums wait in the workspace between slices. Slices depend on the
// shapes alone, so that an output is one chain of FMAs whatever the number of threads.

#include <algorithm>
#include <atomic>
#include <bit>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

namespace {

// Packed x of an item: half of a small core's L2, and at least one channel of the largest window.
constexpr size_t kPackFloats = kMaxPlanarWindow;
// Packed x that the taps of one output row read, over a slice of channels: it stays in L1.
constexpr size_t kWindowFloats = 6144;
// Channels are transposed in squares of this side.
constexpr size_t kSliceStep = 8;
constexpr size_t kSumFloats = 16384;
constexpr size_t kMaxTaps = 1024;
constexpr size_t kItemsPerThread = 4;
// Multiply-accumulates worth an item of their own: some 2 us.
constexpr size_t kMinItemMacs = 131072;

struct PlanarWorkspace {
  alignas(64) float packed[kPackFloats];  // [row][channel][pixel]
  alignas(64) float sums[kSumFloats];     // [row][region][channel][pixel]
  alignas(64) float residual[kMaxPlanarRows * kPlanarTile];
  alignas(64) float slope[kPlanarTile];
  const float* x[kMaxTaps];
  const float* weights[kMaxTaps];
};
static_assert(sizeof(PlanarWorkspace) <= kWorkspaceBytes);

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

PlanarMap resolve_planar(const Execution& run, uint32_t index) {
  if (index == kNone) return {};
  const ResolvedView view = resolve(run, index);
  return {view.data,       view.dims[0],    view.dims[1],    view.dims[2],   view.dims[3],
          view.strides[0], view.strides[1], view.strides[2], view.strides[3]};
}

size_t round_up(size_t value, size_t to) { return divide_up(value, to) * to; }

struct PlanarJob {
  const Execution& run;
  std::span<const RegionRecord> regions;
  PlanarMap x;
  PlanarMap y;
  PlanarMap residual;
  const float* weights;  // [k][y.channels]
  const float* bias;     // [y.channels], or null
  const float* slope;    // [y.channels], or null
  Unary activation;
  float alpha;
  float beta;

  const Kernels& kernels() const { return run.kernels; }
  const TapRecord* taps(const RegionRecord& region) const {
    return run.program.taps.data() + region.tap_first;
  }
};

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
  size_t slice = 0;    // channels packed at a time
  size_t regions = 0;  // whose sums fit at a time
  size_t block = 0;    // output rows of an item
  size_t blocks = 0;
  size_t tiles = 0;
};

PlanarPlan measure(const PlanarJob& job) {
  PlanarPlan plan;
  int64_t max_y = 0;
  int64_t max_x = 0;
  bool any = false;
  for (const RegionRecord& region : job.regions) {
    plan.count_y = std::max<size_t>(plan.count_y, region.count_y);
    plan.count_x = std::max<size_t>(plan.count_x, region.count_x);
    plan.in_step = std::max<size_t>(1, region.in_step_y);
    for (size_t t = 0; t < region.tap_count; t++) {
      const TapRecord& tap = job.taps(region)[t];
      const int64_t y = int64_t{region.in_y} + tap.dy;
      const int64_t x = int64_t{region.in_x} + tap.dx;
      plan.min_y = any ? std::min(plan.min_y, y) : y;
      plan.min_x = any ? std::min(plan.min_x, x) : x;
      max_y = any ? std::max(max_y, y) : y;
      max_x = any ? std::max(max_x, x) : x;
      any = true;
    }
  }
  plan.window = static_cast<size_t>(max_y - plan.min_y) + 1;
  plan.span = static_cast<size_t>(max_x - plan.min_x);
  return plan;
}

size_t count_macs(const PlanarJob& job) {
  size_t macs = 0;
  for (const RegionRecord& region : job.regions)
    macs += size_t{region.count_y} * region.count_x * region.tap_count;
  return macs * job.y.n * job.x.channels * job.y.channels;
}

PlanarPlan make_plan(const PlanarJob& job) {
  PlanarPlan plan = measure(job);
  const size_t rows = job.y.channels;
  plan.tiles = divide_up(plan.count_x, kPlanarTile);
  plan.tile = round_up(divide_up(plan.count_x, plan.tiles), job.kernels().lanes);
  plan.width = round_up(plan.tile + plan.span, kPanel);

  const size_t channel = plan.window * plan.width;
  const size_t slice = std::max(kSliceStep, kWindowFloats / channel / kSliceStep * kSliceStep);
  const size_t most = std::max<size_t>(1, std::min({slice, kPackFloats / channel, job.x.channels}));
  plan.slice = std::min(
      most, round_up(divide_up(job.x.channels, divide_up(job.x.channels, most)), kSliceStep));
  plan.regions = std::min(job.regions.size(), kSumFloats / (rows * plan.tile));

  const size_t packed_rows = kPackFloats / (plan.slice * plan.width);
  plan.block = std::min({plan.count_y, (packed_rows - plan.window) / plan.in_step + 1,
                         kSumFloats / (rows * plan.tile * plan.regions)});
  const size_t threads = job.run.pool.threads();
  const size_t columns = job.y.n * plan.tiles;
  const size_t wanted =
      std::min(threads > 1 ? kItemsPerThread * threads : 1, count_macs(job) / kMinItemMacs + 1);
  plan.blocks = std::min(plan.count_y,
                         std::max(divide_up(plan.count_y, plan.block), divide_up(wanted, columns)));
  plan.block = divide_up(plan.count_y, plan.blocks);
  plan.blocks = divide_up(plan.count_y, plan.block);
  return plan;
}

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
    for (size_t first = 0; first < job_.regions.size(); first += plan_.regions) {
      const size_t last = std::min(job_.regions.size(), first + plan_.regions);
      for (size_t channel = 0; channel < job_.x.channels; channel += plan_.slice) {
        if (job_.run.aborted.load(std::memory_order_relaxed)) return;
        run_slice(first, last, channel);
      }
    }
  }

 private:
  void run_slice(size_t first, size_t last, size_t channel) {
    const size_t kc = std::min(plan_.slice, job_.x.channels - channel);
    pack(channel, kc);
    for (size_t y = y_first_; y < y_last_; y++) {
      for (size_t index = first; index < last; index++) {
        const RegionRecord& region = job_.regions[index];
        if (y >= region.count_y || x_first_ >= region.count_x) continue;
        const size_t slot = (y - y_first_) * (last - first) + index - first;
        float* sums = work_.sums + slot * job_.y.channels * plan_.tile;
        const size_t pixels = std::min<size_t>(x_last_, region.count_x) - x_first_;
        multiply(region, y, pixels, channel, kc, sums);
        if (channel + kc == job_.x.channels) finish(region, y, pixels, sums);
      }
    }
  }

  /// Packs channels [channel, channel + kc) of the rows and columns that the item reads.
  void pack(size_t channel, size_t kc) {
    const PlanarMap& x = job_.x;
    const int64_t rows =
        static_cast<int64_t>((y_last_ - y_first_ - 1) * plan_.in_step + plan_.window);
    const int64_t columns = static_cast<int64_t>(x_last_ - x_first_ + plan_.span);
    const int64_t start = plan_.min_x + static_cast<int64_t>(x_first_);
    const int64_t left = std::clamp<int64_t>(-start, 0, columns);
    const int64_t inside = std::clamp<int64_t>(x.width - start, left, columns) - left;
    const int64_t row = std::max<int64_t>(0, -row_first_);
    const int64_t count = std::min(rows, x.height - row_first_) - row;
    if (count <= 0) return;
    float* target = work_.packed + static_cast<size_t>(row) * plan_.slice * plan_.width;
    for (int64_t at = 0; at < count; at++) {
      float* packed = target + static_cast<size_t>(at) * plan_.slice * plan_.width;
      clear(packed, kc, 0, static_cast<size_t>(left));
      clear(packed, kc, static_cast<size_t>(left + inside), static_cast<size_t>(columns));
    }
    if (inside == 0) return;
    float* source =
        x.at(image_, row_first_ + row, start + left) + static_cast<int64_t>(channel) * x.stride_c;
    copy_rows(source, target + left, static_cast<size_t>(count), kc, static_cast<size_t>(inside));
  }

  /// Copies rows of pixels of `kc` channels in the order in which they lie in memory, so that they
  /// stream.
  void copy_rows(float* source, float* target, size_t rows, size_t kc, size_t pixels) const {
    const PlanarMap& x = job_.x;
    const Kernels& kernels = job_.kernels();
    const auto width = static_cast<ptrdiff_t>(plan_.width);
    const auto row_step = static_cast<ptrdiff_t>(plan_.slice * plan_.width);
    if (x.stride_c > x.stride_y) {
      for (size_t c = 0; c < kc; c++, source += x.stride_c, target += width) {
        kernels.ops.copy_block({source, x.stride_y, x.stride_x}, {target, row_step, 1}, rows,
                               pixels);
      }
      return;
    }
    for (size_t row = 0; row < rows; row++, source += x.stride_y, target += row_step) {
      kernels.ops.copy_block({source, x.stride_c, x.stride_x}, {target, width, 1}, kc, pixels);
    }
  }

  void clear(float* row, size_t kc, size_t first, size_t last) const {
    const auto stride = static_cast<ptrdiff_t>(plan_.width);
    for (size_t j = first; j < last; j++) job_.kernels().ops.fill(0.0f, row + j, stride, kc);
  }

  /// Adds a slice of channels to the sums of one output row; the first slice starts from the bias.
  void multiply(const RegionRecord& region, size_t y, size_t pixels, size_t channel, size_t kc,
                float* sums) {
    size_t tap = 0;
    bool accumulate = channel > 0;
    do {  // once, unless there are more taps than pointers
      const size_t end = std::min<size_t>(region.tap_count, tap + kMaxTaps);
      const size_t taps = list_taps(region, y, channel, tap, end);
      if (taps > 0 || !accumulate) {
        call({.x = work_.x,
              .first = 0,
              .x_stride = plan_.width,
              .weights = work_.weights,
              .taps = taps,
              .kc = kc,
              .bias = accumulate ? nullptr : job_.bias,
              .c = sums,
              .c_stride = plan_.tile,
              .accumulate = accumulate},
             pixels);
      }
      accumulate = true;
      tap = end;
    } while (tap < region.tap_count);
  }

  /// Lists what taps [first, last) read for output row y, without those above and below x.
  size_t list_taps(const RegionRecord& region, size_t y, size_t channel, size_t first,
                   size_t last) {
    size_t count = 0;
    const int64_t in_y = region.in_y + static_cast<int64_t>(y * region.in_step_y);
    for (size_t t = first; t < last; t++) {
      const TapRecord& tap = job_.taps(region)[t];
      const int64_t row = in_y + tap.dy;
      if (row < 0 || row >= job_.x.height) continue;
      const size_t column = static_cast<size_t>(int64_t{region.in_x} + tap.dx - plan_.min_x);
      work_.x[count] =
          work_.packed + static_cast<size_t>(row - row_first_) * plan_.slice * plan_.width + column;
      work_.weights[count] = job_.weights + (tap.k + channel) * job_.y.channels;
      count++;
    }
    return count;
  }

  void call(PlanarTile tile, size_t pixels) const {
    const Kernels& kernels = job_.kernels();
    const size_t rows = job_.y.channels;
    const size_t vectors = divide_up(pixels, kernels.lanes);
    const size_t parts = divide_up(vectors, kernels.planar_vectors[rows - 1]);
    for (size_t part = 0; part < parts; part++) {
      const size_t first = split_at(vectors, parts, part);
      tile.first = first * kernels.lanes;
      kernels.planar[rows - 1][split_at(vectors, parts, part + 1) - first - 1](tile);
    }
  }

  /// Residual and activation of one output row, and its way to y.
  void finish(const RegionRecord& region, size_t y, size_t pixels, float* sums) {
    const int64_t out_y = region.out_y + static_cast<int64_t>(y * region.out_step_y);
    const int64_t out_x = region.out_x + static_cast<int64_t>(x_first_ * region.out_step_x);
    const Kernels& kernels = job_.kernels();
    const auto tile = static_cast<ptrdiff_t>(plan_.tile);
    const auto block = [&](const PlanarMap& map) -> Block {
      return {map.at(image_, out_y, out_x), map.stride_c, map.stride_x * region.out_step_x};
    };
    if (job_.residual.data != nullptr) {
      kernels.ops.copy_block(block(job_.residual), {work_.residual, tile, 1}, job_.y.channels,
                             pixels);
    }
    if (job_.residual.data != nullptr || job_.activation != Unary::kIdentity) {
      for (size_t c = 0; c < job_.y.channels; c++) activate(c, pixels, sums + c * plan_.tile);
    }
    kernels.ops.copy_block({sums, tile, 1}, block(job_.y), job_.y.channels, pixels);
  }

  void activate(size_t channel, size_t pixels, float* row) {
    const float* residual = work_.residual + channel * plan_.tile;
    if (job_.slope != nullptr) std::fill_n(work_.slope, pixels, job_.slope[channel]);
    job_.kernels().epilogue({.rows = 1,
                             .columns = pixels,
                             .source = &row,
                             .target = &row,
                             .residual = job_.residual.data != nullptr ? &residual : nullptr,
                             .slope = job_.slope != nullptr ? work_.slope : nullptr,
                             .activation = job_.activation,
                             .alpha = job_.alpha,
                             .beta = job_.beta});
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
  const PlanarJob job{
      .run = run,
      .regions = run.program.regions.subspan(command.region_first, command.region_count),
      .x = resolve_planar(run, command.x),
      .y = resolve_planar(run, command.y),
      .residual = resolve_planar(run, command.residual_view),
      .weights = resolve_constants(run, command.weights_view),
      .bias = resolve_constants(run, command.bias_view),
      .slope = resolve_constants(run, command.slope_view),
      .activation = static_cast<Unary>(command.activation),
      .alpha = std::bit_cast<float>(command.alpha_bits),
      .beta = std::bit_cast<float>(command.beta_bits)};
  const PlanarPlan plan = make_plan(job);
  run.pool.parallel_for(job.y.n * plan.blocks * plan.tiles, [&](size_t item, size_t thread) {
    if (run.aborted.load(std::memory_order_relaxed)) return;
    PlanarItem(job, plan, item, run.workspace[thread]).run();
  });
}

}  // namespace untangle
