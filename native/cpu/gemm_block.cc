// Runs one item of a gemmTaps command: pointer tables once, then column tiles over chunks of taps
// over row tiles.
//
// A chunk's weights (one column tile wide) stay in L2 while every row tile uses them, so weights
// come from DRAM once per item; partial sums wait in y, or in scratch when columns have to be
// scattered.

#include <atomic>

#include "native/cpu/gemm_entries.h"

namespace untangle {

namespace {

alignas(64) const float kZeros[kMaxSlice] = {};

/// A thread's scratch while it runs an item.
struct GemmWorkspace {
  alignas(64) float sums[kMaxBlockPixels *
                         kMaxTileColumns];     // fused: C of the block, one column tile wide
  alignas(64) float dropped[kMaxTileColumns];  // C of pixels outside y
  RegionPixel pixels[kMaxBlockPixels];
  int64_t x_offset[kMaxBlockPixels];    // of a tap (0, 0) from x, in elements
  float* out[kMaxBlockPixels];          // C of the first column tile; of all when fused or dropped
  const float* rows[kMaxRowPointers];   // per tile: [entry][mr]
  uint32_t tap_k[kMaxRowPointers];      // per tile: [entry]
  uint16_t chunk_end[kMaxRowPointers];  // per tile: [chunk], entries before its end
};
static_assert(sizeof(GemmWorkspace) <= kWorkspaceBytes);

class GemmBlock {
 public:
  GemmBlock(const GemmJob& job, const GemmItem& item, std::byte* workspace)
      : job_(job),
        item_(item),
        region_(item.region),
        work_(*reinterpret_cast<GemmWorkspace*>(workspace)),
        pixels_total_(count_pixels(region_, job.y)),
        pixel_first_(split_at(pixels_total_, item.tiles, item.tile_first)),
        pixel_count_(split_at(pixels_total_, item.tiles, item.tile_last) - pixel_first_),
        tile_count_(item.tile_last - item.tile_first),
        entries_(job, item.region),
        weights_(job, item, entries_),
        part_(std::max<size_t>(1, std::min(entries_.count(), kMaxRowPointers / pixel_count_))),
        chunk_(chunk_entries()) {
    constexpr uint32_t kLooksAtPixels = kRegionPadded | kRegionPerTap | kRegionCropped;
    if ((region_.flags & kLooksAtPixels) != 0 || job_.fused() || job_.has_epilogue())
      list_pixels(region_, pixel_first_, pixel_count_, work_.pixels);
    list_places();
    if (job_.fused()) {
      for (size_t i = 0; i < pixel_count_; i++) work_.out[i] = work_.sums + i * kMaxTileColumns;
    } else if (is_cropped()) {
      for (size_t i = 0; i < pixel_count_; i++) work_.out[i] = cropped_place(work_.pixels[i]);
    }
  }

  void run() {
    if (region_.flags & kRegionPerTap) return run_per_tap();
    size_t first = 0;
    do {  // once, unless there are more entries than pointers; regions without taps still write
          // their bias
      const size_t last = std::min(entries_.count(), first + part_);
      list_rows(first, last);
      for (size_t column = item_.column_first; column < item_.column_last; column++) {
        if (!run_column(column, first, last)) return;
      }
      first = last;
    } while (first < entries_.count());
  }

 private:
  // --- tiles

  size_t tile_start(size_t tile) const {
    return split_at(pixels_total_, item_.tiles, item_.tile_first + tile) - pixel_first_;
  }
  size_t tile_rows(size_t tile) const { return tile_start(tile + 1) - tile_start(tile); }
  bool aborted() const { return job_.run.aborted.load(std::memory_order_relaxed); }

  size_t chunk_entries() const {
    if (tile_count_ == 1 && !entries_.has_slices()) return part_;
    return entries_.per_chunk(job_.tile_columns());
  }
  Chunk chunk_at(size_t first, size_t last) const { return entries_.chunk(first, chunk_, last); }

  bool is_cropped() const { return (region_.flags & kRegionCropped) != 0; }

  /// Where pixels read and, unless they are fused or cropped, where their rows of C go, one run of
  /// a row after the other.
  void list_places() {
    const bool writes = !job_.fused() && !is_cropped();
    const int64_t step = region_.in_step_x * job_.x.stride_x;
    const int64_t out_step = region_.out_step_x * job_.y.stride_x;
    for_each_run(region_, pixel_first_, pixel_count_, [&](const RegionRun& run) {
      const int64_t offset = input_offset(job_, region_, run);
      for (size_t i = 0; i < run.count; i++)
        work_.x_offset[run.first + i] = offset + static_cast<int64_t>(i) * step;
      if (!writes) return;
      float* out = first_output(job_, item_, run);
      for (size_t i = 0; i < run.count; i++)
        work_.out[run.first + i] = out + static_cast<int64_t>(i) * out_step;
    });
  }

  float* cropped_place(const RegionPixel& at) const {
    if (!job_.y.contains(at.out_y, at.out_x)) return work_.dropped;
    return job_.y.at(at.image, at.out_y, at.out_x) + item_.group * job_.group_outputs;
  }

  float* target(size_t pixel, size_t column) const {
    float* out = work_.out[pixel];
    if (job_.fused() || out == work_.dropped) return out;
    return out + column * job_.tile_columns();
  }

  /// A tile before any tap: the bias, on what lies in y when that is the residual.
  GemmTile make_tile(size_t column, float* const* c) const {
    const GemmColumns columns(job_, item_.group, column);
    return {.rows = nullptr,
            .tap_k = nullptr,
            .taps = 0,
            .kc = 0,
            .weights = columns.weights,
            .panel_stride = columns.panel_stride,
            .bias = columns.bias,
            .c = c,
            .columns = columns.count,
            .accumulate = job_.in_place(),
            .finish = {},
            .scales = columns.scales};
  }
  /// Lets the kernel apply the activation.
  void finish_sums(GemmTile& tile, size_t column) const {
    tile.finish = GemmColumns(job_, item_.group, column).finish;
  }
  void call(const GemmTile& tile, size_t rows) const {
    job_.gemm().tile[(tile.columns - 1) / kPanel][rows - 1](tile);
  }

  // --- registers accumulate over all taps

  /// Fills the pointer tables of every tile for entries [first, last). Taps that miss the input for
  /// a whole tile are left out.
  void list_rows(size_t first, size_t last) {
    const size_t channel0 = item_.group * job_.group_inputs;
    const size_t chunks = divide_up(last - first, chunk_);
    for (size_t tile = 0; tile < tile_count_; tile++) {
      const size_t start = tile_start(tile);
      const size_t mr = tile_rows(tile);
      const float** rows = work_.rows + start * part_;
      uint32_t* tap_k = work_.tap_k + tile * part_;
      size_t count = 0;
      for (size_t index = 0; index < chunks; index++) {
        const Chunk chunk = chunk_at(first + index * chunk_, last);
        for (size_t entry = chunk.first; entry < chunk.last; entry++) {
          const TapRecord& tap = entries_.tap(entry);
          if (!list_tap(tap, channel0 + chunk.channel, start, mr, rows + count * mr)) continue;
          tap_k[count++] = tap.k + static_cast<uint32_t>(chunk.channel);
        }
        work_.chunk_end[tile * part_ + index] = static_cast<uint16_t>(count);
      }
    }
  }

  /// Points `rows` at what a tap of `mr` pixels from `start` on reads; false when all of it lies
  /// outside x.
  bool list_tap(const TapRecord& tap, size_t channel, size_t start, size_t mr,
                const float** rows) const {
    const MapView& x = job_.x;
    // A number, not a pointer: alone it may lie outside x, and such a pointer must not even be
    // made.
    const int64_t base = tap.dy * x.stride_y + tap.dx * x.stride_x + static_cast<int64_t>(channel);
    const int64_t* offset = work_.x_offset + start;
    if (!(region_.flags & kRegionPadded)) {
      for (size_t i = 0; i < mr; i++) rows[i] = x.data + (base + offset[i]);
      return true;
    }
    const RegionPixel* pixels = work_.pixels + start;
    bool any = false;
    for (size_t i = 0; i < mr; i++) {
      // Negative coordinates wrap to large ones: one comparison an axis.
      const bool inside = (static_cast<uint32_t>(pixels[i].in_y + tap.dy) < x.height) &
                          (static_cast<uint32_t>(pixels[i].in_x + tap.dx) < x.width);
      rows[i] = inside ? x.data + (base + offset[i]) : kZeros;
      any |= inside;
    }
    return any;
  }

  /// A single tile asks for what follows its own.
  NextWeights next_of_column(size_t column, const Chunk& chunk) const {
    return tile_count_ == 1 ? NextWeights{} : weights_.after(column, chunk, chunk_);
  }
  /// Entry by entry, all column tiles of each.
  NextWeights next_of_sweep(size_t entry, size_t column) const {
    if (column + 1 < item_.column_last) return weights_.of(column + 1, chunk_at(entry, entry + 1));
    if (entry + 1 == entries_.count()) return {};
    return weights_.of(item_.column_first, chunk_at(entry + 1, entry + 2));
  }

  /// One column tile over entries [first, last); false when aborted.
  bool run_column(size_t column, size_t first, size_t last) {
    const size_t chunks = std::max<size_t>(1, divide_up(last - first, chunk_));
    for (size_t index = 0; index < chunks; index++) {
      const Chunk chunk = chunk_at(first + index * chunk_, last);
      const NextWeights next = next_of_column(column, chunk);
      for (size_t tile = 0; tile < tile_count_; tile++) {
        if (aborted()) return false;
        run_tile(tile, column, index, chunk, next);
        // Fused sums wait for the others: together they are long rows of y.
        if (chunk.last == entries_.count() && !job_.fused())
          finish_pixels(tile_start(tile), tile_rows(tile), column);
      }
      if (chunk.last == entries_.count() && job_.fused()) finish_pixels(0, pixel_count_, column);
    }
    return true;
  }

  void run_tile(size_t tile, size_t column, size_t index, const Chunk& chunk,
                const NextWeights& next) {
    const size_t mr = tile_rows(tile);
    const uint16_t* ends = work_.chunk_end + tile * part_;
    const size_t begin = index > 0 ? ends[index - 1] : 0;
    const size_t end = chunk.first < chunk.last ? ends[index] : 0;
    const bool continues = chunk.first > 0;
    const bool finishes = chunk.last == entries_.count() && job_.finish.kind != Finish::kNone;
    if (begin == end && continues && !finishes) return;

    float* c[kMaxTileRows];
    const size_t start = tile_start(tile);
    for (size_t i = 0; i < mr; i++) c[i] = target(start + i, column);
    GemmTile args = make_tile(column, c);
    args.rows = work_.rows + start * part_ + begin * mr;
    args.tap_k = work_.tap_k + tile * part_ + begin;
    args.taps = end - begin;
    args.kc = chunk.kc;
    if (args.taps > 0) args.ahead = next.share(tile, tile_count_, args.taps * chunk.kc);
    if (continues) continue_sums(args);
    if (finishes) finish_sums(args, column);
    call(args, mr);
  }

  static void continue_sums(GemmTile& tile) {
    tile.accumulate = true;
    tile.bias = nullptr;
  }

  // --- tap by tap, accumulating in y (HUGE2)

  void run_per_tap() {
    const size_t mr = job_.kernels.mr;
    for (size_t column = item_.column_first; column < item_.column_last; column++) {
      for (size_t start = 0; start < pixel_count_; start += mr) {
        float* c[kMaxTileRows];
        const size_t rows = std::min(mr, pixel_count_ - start);
        for (size_t i = 0; i < rows; i++) c[i] = target(start + i, column);
        call(make_tile(column, c), rows);
      }
    }
    for (size_t entry = 0; entry < entries_.count(); entry++) {
      const Chunk chunk = chunk_at(entry, entry + 1);
      const size_t count =
          list_valid(entries_.tap(entry), item_.group * job_.group_inputs + chunk.channel);
      for (size_t column = item_.column_first; column < item_.column_last; column++) {
        if (!run_tap(entry, chunk, count, column)) return;
      }
    }
    for (size_t column = item_.column_first; column < item_.column_last; column++) {
      for (size_t start = 0; start < pixel_count_; start += mr) {
        const size_t rows = std::min(mr, pixel_count_ - start);
        if (job_.finish.kind != Finish::kNone) finish_rows(start, rows, column);
        finish_pixels(start, rows, column);
      }
    }
  }

  /// The activation of sums that lie in y or in scratch.
  void finish_rows(size_t start, size_t count, size_t column) {
    float* c[kMaxTileRows];
    for (size_t i = 0; i < count; i++) c[i] = target(start + i, column);
    GemmTile tile = make_tile(column, c);
    continue_sums(tile);
    finish_sums(tile, column);
    call(tile, count);
  }

  /// Lists the pixels for which a tap reads inside x, and what it reads; returns how many there
  /// are.
  size_t list_valid(const TapRecord& tap, size_t channel) {
    size_t count = 0;
    for (size_t pixel = 0; pixel < pixel_count_; pixel++) {
      const float* source = tap_source(job_.x, work_.pixels[pixel], tap, channel);
      if (source == nullptr) continue;
      work_.rows[count] = source;
      work_.chunk_end[count] = static_cast<uint16_t>(pixel);
      count++;
    }
    return count;
  }

  bool run_tap(size_t entry, const Chunk& chunk, size_t count, size_t column) {
    const uint32_t tap_k = entries_.tap(entry).k + static_cast<uint32_t>(chunk.channel);
    const size_t tiles = divide_up(count, job_.kernels.mr);
    const NextWeights next = tiles > 1 ? next_of_sweep(entry, column) : NextWeights{};
    for (size_t tile = 0; tile < tiles; tile++) {
      if (aborted()) return false;
      const size_t start = split_at(count, tiles, tile);
      const size_t mr = split_at(count, tiles, tile + 1) - start;
      float* c[kMaxTileRows];
      for (size_t i = 0; i < mr; i++) c[i] = target(work_.chunk_end[start + i], column);
      GemmTile args = make_tile(column, c);
      args.rows = work_.rows + start;
      args.tap_k = &tap_k;
      args.taps = 1;
      args.kc = chunk.kc;
      args.ahead = next.share(tile, tiles, chunk.kc);
      continue_sums(args);
      call(args, mr);
    }
    return true;
  }

  // --- epilogue

  void finish_pixels(size_t start, size_t count, size_t column) const {
    finish_gemm(job_, item_,
                {.pixels = work_.pixels + start,
                 .count = count,
                 .column = column,
                 .sums = work_.sums + start * kMaxTileColumns});
  }

  const GemmJob& job_;
  const GemmItem& item_;
  const RegionRecord& region_;
  GemmWorkspace& work_;
  const size_t pixels_total_;
  const size_t pixel_first_;
  const size_t pixel_count_;
  const size_t tile_count_;
  const GemmEntries entries_;
  const ItemWeights weights_;
  const size_t part_;   // entries whose pointers fit at a time
  const size_t chunk_;  // entries whose weights fit in L2 at a time
};

}  // namespace

void run_gemm_item(const GemmJob& job, const GemmItem& item, std::byte* workspace) {
  GemmBlock(job, item, workspace).run();
}

}  // namespace untangle
