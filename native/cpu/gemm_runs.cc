// Items of gemmTaps whose pixels lie evenly apart in x and in y for long runs: rows of a map, or
// whole maps where rows follow one another. They need a pointer per tap, not one per tap and pixel.

#include <atomic>

#include "native/cpu/gemm_entries.h"
#include "native/cpu/gemm_run.h"

namespace untangle {

namespace {

// Shorter runs fill too little of a tile.
constexpr uint32_t kMinRun = 8;
constexpr size_t kMaxChunkEntries = 2048;
// Weights that are no f32 are widened for a whole chunk where so many pixels use them: on the way
// into registers that takes a tenth of the time of large tiles.
constexpr size_t kManyPixels = 192;
constexpr size_t kWidenedFloats = 32768;

/// Pixels that lie evenly apart.
struct PixelRun {
  size_t first;  // of the item's pixels
  size_t count;
  int64_t x_offset;  // of tap (0, 0) of the first pixel from x, in elements
  float* out;        // C of the first pixel and column
};

/// A thread's scratch while it runs an item.
struct RunsWorkspace {
  // Fused: C of the item, one column tile wide.
  alignas(64) float sums[kMaxBlockPixels * kMaxTileColumns];
  RegionPixel pixels[kMaxBlockPixels];
  PixelRun runs[kMaxBlockPixels];
  const float* x[kMaxChunkEntries];
  uint32_t tap_k[kMaxChunkEntries];
  alignas(64) float widened[kWidenedFloats];  // of a chunk: [panel][entry][kc][kPanel]
};
static_assert(sizeof(RunsWorkspace) <= kWorkspaceBytes);

class GemmRuns {
 public:
  GemmRuns(const GemmJob& job, const GemmItem& item, std::byte* workspace)
      : job_(job),
        item_(item),
        region_(item.region),
        work_(*reinterpret_cast<RunsWorkspace*>(workspace)),
        entries_(job, item.region),
        weights_(job, item, entries_),
        pixel_first_(split_at(count_pixels(region_, job.y), item.tiles, item.tile_first)),
        pixel_count_(split_at(count_pixels(region_, job.y), item.tiles, item.tile_last) -
                     pixel_first_),
        x_step_(static_cast<int64_t>(region_.in_step_x) * job.x.stride_x),
        c_step_(job.fused() ? static_cast<int64_t>(kMaxTileColumns)
                            : static_cast<int64_t>(region_.out_step_x) * job.y.stride_x),
        chunk_(std::min(kMaxChunkEntries, entries_.per_chunk(job.tile_columns()))) {
    if (job.fused() || job.has_epilogue())
      list_pixels(region_, pixel_first_, pixel_count_, work_.pixels);
    list_runs();
    for (size_t i = 0; i < count_; i++) tile_count_ += tiles_of(work_.runs[i]);
  }

  void run() {
    for (size_t column = item_.column_first; column < item_.column_last; column++) {
      size_t entry = 0;
      do {  // once at least: regions without taps still write their bias
        const Chunk chunk = entries_.chunk(entry, chunk_, entries_.count());
        if (!run_chunk(column, chunk)) return;
        entry = std::max(entry + 1, chunk.last);
      } while (entry < entries_.count());
    }
  }

 private:
  void list_runs() {
    for_each_run(region_, pixel_first_, pixel_count_, [&](const RegionRun& at) {
      float* sums = work_.sums + at.first * kMaxTileColumns;
      const PixelRun next{.first = at.first,
                          .count = at.count,
                          .x_offset = input_offset(job_, region_, at),
                          .out = job_.fused() ? sums : first_output(job_, item_, at)};
      if (count_ > 0 && follows(work_.runs[count_ - 1], next)) {
        work_.runs[count_ - 1].count += next.count;
      } else {
        work_.runs[count_++] = next;
      }
    });
  }
  bool follows(const PixelRun& run, const PixelRun& next) const {
    const auto count = static_cast<int64_t>(run.count);
    return next.x_offset == run.x_offset + count * x_step_ && next.out == run.out + count * c_step_;
  }

  size_t tiles_of(const PixelRun& run) const {
    return divide_up(run.count, size_t{job_.kernels.run_rows});
  }

  /// One column tile over the entries of a chunk; false when aborted.
  bool run_chunk(size_t column, const Chunk& chunk) {
    const bool is_last = chunk.last == entries_.count();
    const GemmColumns columns(job_, item_.group, column);
    const bool continues = chunk.first > 0;
    GemmRun args{.x = work_.x,
                 .x_first = 0,
                 .x_step = x_step_,
                 .tap_k = work_.tap_k,
                 .taps = chunk.last - chunk.first,
                 .kc = chunk.kc,
                 .weights = columns.weights,
                 .panel_stride = columns.panel_stride,
                 .bias = continues ? nullptr : columns.bias,
                 .c = nullptr,
                 .c_step = c_step_,
                 .columns = columns.count,
                 .accumulate = continues || job_.in_place(),
                 .finish = {},
                 .scales = columns.scales};
    if (is_last) args.finish = columns.finish;
    const bool is_widened = widens(chunk);
    if (is_widened) widen(columns, chunk, args);
    const WeightType type = is_widened ? WeightType::kFp32 : job_.weights.type;
    const GemmKernels& kernels = job_.kernels.gemm[static_cast<size_t>(type)];
    // A single tile asks for what follows its own.
    const NextWeights next =
        tile_count_ == 1 ? NextWeights{} : weights_.after(column, chunk, chunk_);
    size_t tile = 0;
    for (size_t i = 0; i < count_; i++) {
      if (job_.run.aborted.load(std::memory_order_relaxed)) return false;
      const PixelRun& run = work_.runs[i];
      list_entries(run, chunk);
      if (is_widened) list_widened(chunk);
      if (args.taps > 0) args.ahead = next.share(tile, tile_count_, args.taps * chunk.kc);
      tile += tiles_of(run);
      args.c = job_.fused() ? run.out : run.out + column * job_.tile_columns();
      multiply_rows(kernels, job_.kernels.run_rows, args, run.count);
      // Fused sums wait for the others: together they are long rows of y.
      if (is_last && !job_.fused()) finish(run.first, run.count, column);
    }
    if (is_last && job_.fused()) finish(0, pixel_count_, column);
    return true;
  }

  /// Depends on shapes alone: bytes that are scaled first do not give the same bits.
  bool widens(const Chunk& chunk) const {
    const size_t floats = (chunk.last - chunk.first) * chunk.kc * job_.tile_columns();
    return job_.weights.type != WeightType::kFp32 && floats <= kWidenedFloats &&
           count_pixels(region_, job_.y) >= kManyPixels;
  }

  /// The weights of a chunk in the workspace, where `args` then finds them.
  void widen(const GemmColumns& columns, const Chunk& chunk, GemmRun& args) {
    const size_t panels = divide_up(columns.count, kPanel);
    const size_t stride = (chunk.last - chunk.first) * chunk.kc * kPanel;
    for (size_t panel = 0; panel < panels; panel++) {
      for (size_t entry = chunk.first; entry < chunk.last; entry++) {
        const size_t row = entries_.tap(entry).k + chunk.channel;
        float* target = work_.widened + panel * stride + (entry - chunk.first) * chunk.kc * kPanel;
        job_.kernels.widen({.type = job_.weights.type,
                            .source = job_.weights.at(columns.panel + panel, row),
                            .scales = job_.weights.scales(columns.panel + panel),
                            .rows = chunk.kc,
                            .width = kPanel,
                            .target = target});
      }
    }
    args.weights = work_.widened;
    args.panel_stride = stride;
    args.scales = nullptr;
  }

  void list_widened(const Chunk& chunk) {
    for (size_t i = 0; i < chunk.last - chunk.first; i++)
      work_.tap_k[i] = static_cast<uint32_t>(i * chunk.kc);
  }

  /// What the entries of the run's first pixel read.
  void list_entries(const PixelRun& run, const Chunk& chunk) {
    const MapView& x = job_.x;
    const auto channel =
        static_cast<int64_t>(item_.group * job_.group_inputs + chunk.channel) + run.x_offset;
    for (size_t entry = chunk.first; entry < chunk.last; entry++) {
      const TapRecord& tap = entries_.tap(entry);
      work_.x[entry - chunk.first] = x.data + (channel + tap.dy * x.stride_y + tap.dx * x.stride_x);
      work_.tap_k[entry - chunk.first] = tap.k + static_cast<uint32_t>(chunk.channel);
    }
  }

  void finish(size_t first, size_t count, size_t column) const {
    finish_gemm(job_, item_,
                {.pixels = work_.pixels + first,
                 .count = count,
                 .column = column,
                 .sums = work_.sums + first * kMaxTileColumns});
  }

  const GemmJob& job_;
  const GemmItem& item_;
  const RegionRecord& region_;
  RunsWorkspace& work_;
  const GemmEntries entries_;
  const ItemWeights weights_;
  const size_t pixel_first_;
  const size_t pixel_count_;
  const ptrdiff_t x_step_;
  const ptrdiff_t c_step_;
  const size_t chunk_;  // entries whose weights fit in L2 at a time
  size_t count_ = 0;    // of runs
  size_t tile_count_ = 0;
};

}  // namespace

bool has_long_runs(const GemmJob& job, const RegionRecord& region) {
  // Sums of fused phases lie in scratch, whatever of them is cropped later.
  const uint32_t excluded =
      kRegionPadded | kRegionPerTap | (job.fused() ? 0u : uint32_t{kRegionCropped});
  return (region.flags & excluded) == 0 && region.count_x >= kMinRun;
}

void run_gemm_runs(const GemmJob& job, const GemmItem& item, std::byte* workspace) {
  GemmRuns(job, item, workspace).run();
}

}  // namespace untangle
