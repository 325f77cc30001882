// winograd: kernels of two or three taps an axis as one GEMM per product of a tile.
//
// Tiles of a kernel follow one another, region by region. Blocks of them go through three stages:
// transform the inputs, multiply, transform the sums. Where the arena has room for a kernel it is
// transformed once, and read for a block of each thread, in its workspace or, with many channels,
// in its part of the arena. Of others a thread transforms the part that it is about to multiply,
// for a block of all threads, which work on each stage together: that part never leaves the core's
// cache. An output is one chain of FMAs over the channels either way, whatever the threads.

#include <algorithm>
#include <atomic>

#include "native/cpu/gemm_run.h"
#include "native/cpu/winograd_tiles.h"

namespace untangle {

namespace {

// Channels whose weights stay in L2 while all row tiles use them; those of a row of products fit
// the workspace.
constexpr size_t kSlice = 256;
static_assert(kMaxTileInputs * kSlice * kMaxTilePanels * kPanel * sizeof(float) <= kWorkspaceBytes);
// Fewest tiles of an item of the transforms, and items of each thread where there are more.
constexpr size_t kItemTiles = 4;
constexpr size_t kItemsPerThread = 8;

// Transformed tiles that stay in a core's L2, and fewest of them worth the weights they read.
constexpr size_t kBlockFloats = 163840;
constexpr size_t kFewestTiles = 16;

/// Weights of a product from some channel on: a row of a panel per channel.
struct Factors {
  const float* weights;
  size_t panel_stride;
};

/// Calls visit(first, count) for every slice of the channels.
template <typename F>
void for_each_slice(size_t channels, F&& visit) {
  const size_t slices = divide_up(channels, kSlice);
  for (size_t slice = 0; slice < slices; slice++) {
    const size_t first = split_at(channels, slices, slice);
    visit(first, split_at(channels, slices, slice + 1) - first);
  }
}

/// A part of a kernel: `panels` panels, and channels [first, first + count) of each.
struct KernelPart {
  size_t kernel;  // its first row
  size_t panel;
  size_t panels;
  size_t first;
  size_t count;
};

/// Where transformed weights go, and the floats from a panel, and from a product, to the next.
struct Target {
  float* u;
  size_t panel_stride;
  size_t stride;
};

// Channels whose weights are widened at a time: those of all taps stay in L1.
constexpr size_t kWidenedChannels = 32;
constexpr size_t kMostTaps = kMaxWinogradTaps * kMaxWinogradTaps;

/// Row `row` of the products of channels [first, first + count) of a panel.
void transform_panel(const WinogradJob& job, const KernelPart& part, size_t panel, size_t row,
                     const Target& target) {
  const PackedWeights& weights = job.weights;
  const bool is_wide = weights.type == WeightType::kFp32;
  alignas(64) float widened[kMostTaps * kWidenedChannels * kPanel];
  const float* w[kMostTaps];
  const size_t most = is_wide ? part.count : kWidenedChannels;
  for (size_t first = 0; first < part.count; first += most) {
    const size_t count = std::min(most, part.count - first);
    for (size_t tap = 0; tap < job.taps(); tap++) {
      const size_t k = part.kernel + tap * job.x.channels + part.first + first;
      float* place = widened + tap * kWidenedChannels * kPanel;
      w[tap] = is_wide ? static_cast<const float*>(weights.at(panel, k)) : place;
      if (!is_wide) {
        job.kernels().widen({.type = weights.type,
                             .source = weights.at(panel, k),
                             .scales = weights.scales(panel),
                             .rows = count,
                             .width = kPanel,
                             .target = place});
      }
    }
    job.transforms.weights({.w = w,
                            .count = count * kPanel,
                            .row = row,
                            .u = target.u + first * kPanel,
                            .stride = target.stride});
  }
}

/// Row `row` of the products of a part.
void transform_weights(const WinogradJob& job, const KernelPart& part, size_t row,
                       const Target& target) {
  for (size_t panel = 0; panel < part.panels; panel++) {
    float* u = target.u + panel * target.panel_stride;
    transform_panel(job, part, part.panel + panel, row, {u, 0, target.stride});
  }
}

/// Tiles [first, first + count) of a kernel and the memory of their transforms.
class WinogradBlock {
 public:
  WinogradBlock(const WinogradJob& job, const KernelTiles& tiles, float* memory, size_t first,
                size_t count)
      : job_(job),
        tiles_(tiles),
        first_(first),
        count_(count),
        inputs_(memory),
        sums_(memory + count * job.input_floats()) {}

  /// Inputs of tiles [begin, end) of the block.
  void transform_inputs(size_t begin, size_t end) const {
    TileCursor cursor(job_, tiles_, first_ + begin);
    for (size_t tile = begin; tile < end; tile++) {
      if (tile > begin) cursor.next();
      const float* pixels[kMaxTileInputs * kMaxTileInputs];
      cursor.list_inputs(pixels);
      job_.transforms.input({.x = pixels,
                             .channels = job_.x.channels,
                             .v = inputs_ + tile * job_.input_floats(),
                             .stride = job_.x.channels});
    }
  }

  /// One product of all tiles, one column tile wide: channels [channel, channel + count), whose
  /// factors are given.
  void multiply(size_t product, size_t column, size_t channel, size_t count,
                const Factors& factors) const {
    const Kernels& kernels = job_.kernels();
    const size_t width = kernels.panels * kPanel;
    const size_t columns = std::min(width, job_.padded() - column * width);
    const uint32_t first_row = 0;
    const float* const a = inputs_ + product * job_.x.channels + channel;
    multiply_rows(kernels.gemm[static_cast<size_t>(WeightType::kFp32)], kernels.run_rows,
                  {.x = &a,
                   .x_first = 0,
                   .x_step = static_cast<ptrdiff_t>(job_.input_floats()),
                   .tap_k = &first_row,
                   .taps = 1,
                   .kc = count,
                   .weights = factors.weights,
                   .panel_stride = factors.panel_stride,
                   .bias = nullptr,
                   .c = sums_ + product * job_.padded() + column * width,
                   .c_step = static_cast<ptrdiff_t>(job_.sum_floats()),
                   .columns = columns,
                   .accumulate = channel > 0,
                   .finish = {}},
                  count_);
  }

  /// The same over all channels of a kernel that has been transformed.
  void multiply_kept(size_t product, size_t column, const float* kept) const {
    const size_t channels = job_.x.channels;
    const size_t panel_stride = job_.products() * channels * kPanel;
    for_each_slice(channels, [&](size_t channel, size_t count) {
      const float* weights = kept + column * job_.kernels().panels * panel_stride +
                             (product * channels + channel) * kPanel;
      multiply(product, column, channel, count, {weights, panel_stride});
    });
  }

  /// A row of products, whose weights are transformed into `memory` a slice at a time.
  void multiply_row(size_t row, size_t column, float* memory) const {
    const size_t products = job_.columns.products;
    const size_t panel = column * job_.kernels().panels;
    const size_t panels = std::min(job_.kernels().panels, job_.panels() - panel);
    for_each_slice(job_.x.channels, [&](size_t channel, size_t count) {
      const size_t stride = count * kPanel;
      const size_t panel_stride = products * stride;
      transform_weights(job_, {tiles_.kernel, panel, panels, channel, count}, row,
                        {memory, panel_stride, stride});
      for (size_t f = 0; f < products; f++) {
        multiply(row * products + f, column, channel, count, {memory + f * stride, panel_stride});
      }
    });
  }

  /// Outputs of tiles [begin, end) of the block, with the epilogue.
  void transform_outputs(size_t begin, size_t end) const {
    TileCursor cursor(job_, tiles_, first_ + begin);
    for (size_t tile = begin; tile < end; tile++) {
      if (tile > begin) cursor.next();
      float* sums = sums_ + tile * job_.sum_floats();
      float* targets[kMaxTileOutputs * kMaxTileOutputs];
      cursor.list_outputs(job_.y, targets);
      job_.transforms.output({.p = sums,
                              .stride = job_.padded(),
                              .channels = job_.y.channels,
                              .bias = job_.bias,
                              .y = job_.has_epilogue() ? nullptr : targets,
                              .finish = job_.finish});
      if (job_.has_epilogue()) finish(cursor, sums, targets);
    }
  }

 private:
  /// Residual and activation of the outputs of a tile that its region has.
  void finish(const TileCursor& cursor, const float* sums, float* const* targets) const {
    constexpr size_t kMost = kMaxTileOutputs * kMaxTileOutputs;
    float* residuals[kMost] = {};
    if (job_.residual.data != nullptr) cursor.list_outputs(job_.residual, residuals);
    const float* source[kMost];
    const float* added[kMost];
    float* kept[kMost];
    size_t rows = 0;
    for (size_t i = 0; i < job_.outputs(); i++) {
      if (targets[i] == nullptr) continue;
      source[rows] = sums + i * job_.padded();
      added[rows] = residuals[i];
      kept[rows++] = targets[i];
    }
    job_.kernels().epilogue({.rows = rows,
                             .columns = job_.y.channels,
                             .source = source,
                             .target = kept,
                             .residual = job_.residual.data != nullptr ? added : nullptr,
                             .activation = job_.activation});
  }

  const WinogradJob& job_;
  const KernelTiles& tiles_;
  const size_t first_;
  const size_t count_;
  float* const inputs_;
  float* const sums_;
};

/// A kernel's tiles in equal blocks of at most `fit`, as many for each thread.
size_t private_blocks(const WinogradJob& job, const KernelTiles& tiles, size_t fit) {
  const size_t threads = job.run.pool.threads();
  const size_t most = std::max<size_t>(1, std::min(fit, divide_up(tiles.count, threads)));
  const size_t blocks = divide_up(tiles.count, most);
  return std::min(tiles.count, divide_up(blocks, threads) * threads);
}

void run_private_block(const WinogradJob& job, const KernelTiles& tiles, const float* kept,
                       size_t blocks, size_t index, float* memory) {
  const size_t first = split_at(tiles.count, blocks, index);
  const size_t count = split_at(tiles.count, blocks, index + 1) - first;
  const WinogradBlock block(job, tiles, memory, first, count);
  if (job.aborted()) return;
  block.transform_inputs(0, count);
  for (size_t product = 0; product < job.products(); product++) {
    if (job.aborted()) return;
    for (size_t column = 0; column < job.column_tiles(); column++) {
      block.multiply_kept(product, column, kept);
    }
  }
  block.transform_outputs(0, count);
}

/// A block of at most `fit` tiles after the other in each thread's memory.
template <typename F>
void run_private(const WinogradJob& job, const KernelTiles& tiles, const float* kept, size_t fit,
                 F&& memory) {
  const size_t blocks = private_blocks(job, tiles, fit);
  job.run.pool.parallel_for(blocks, [&](size_t block, size_t thread) {
    run_private_block(job, tiles, kept, blocks, block, memory(thread));
  });
}

/// All threads on each stage of a block; `kept` is null where weights are transformed on the way.
void run_shared_block(const WinogradJob& job, const WinogradBlock& block, const float* kept,
                      size_t count) {
  const size_t threads = job.run.pool.threads();
  const size_t item_tiles = std::max(kItemTiles, divide_up(count, threads * kItemsPerThread));
  const size_t items = divide_up(count, item_tiles);
  job.run.pool.parallel_for(items, [&](size_t item, size_t) {
    if (job.aborted()) return;
    block.transform_inputs(item * item_tiles, std::min(count, (item + 1) * item_tiles));
  });
  const size_t column_tiles = job.column_tiles();
  const size_t rows = kept != nullptr ? job.products() : job.rows.products;
  job.run.pool.parallel_for(rows * column_tiles, [&](size_t item, size_t thread) {
    if (job.aborted()) return;
    if (kept != nullptr) return block.multiply_kept(item / column_tiles, item % column_tiles, kept);
    // Rows of a column tile follow one another: they read the same weights.
    block.multiply_row(item % rows, item / rows,
                       reinterpret_cast<float*>(job.run.workspace[thread]));
  });
  job.run.pool.parallel_for(items, [&](size_t item, size_t) {
    if (job.aborted()) return;
    block.transform_outputs(item * item_tiles, std::min(count, (item + 1) * item_tiles));
  });
}

/// A block of at most `fit` tiles of all threads after the other.
void run_shared(const WinogradJob& job, const KernelTiles& tiles, const float* kept, size_t fit,
                float* memory) {
  const size_t blocks = divide_up(tiles.count, fit);
  for (size_t index = 0; index < blocks; index++) {
    if (job.aborted()) return;
    const size_t first = split_at(tiles.count, blocks, index);
    const size_t count = split_at(tiles.count, blocks, index + 1) - first;
    run_shared_block(job, WinogradBlock(job, tiles, memory, first, count), kept, count);
  }
}

/// Transforms a kernel: [panels][products][channels][kPanel].
void keep_kernel(const WinogradJob& job, const KernelTiles& tiles, float* kept) {
  const size_t channels = job.x.channels;
  const size_t stride = channels * kPanel;
  job.run.pool.parallel_for(job.panels() * job.rows.products, [&](size_t item, size_t) {
    if (job.aborted()) return;
    const size_t panel = item / job.rows.products;
    const size_t row = item % job.rows.products;
    float* u = kept + (panel * job.products() + row * job.columns.products) * stride;
    transform_weights(job, {tiles.kernel, panel, 1, 0, channels}, row, {u, 0, stride});
  });
}

/// Floats of scratch for a transformed kernel where it has room for one and, unless the workspace
/// has, for a tile; else 0.
size_t kept_floats(const WinogradJob& job, size_t scratch_floats) {
  const bool is_held = job.tile_floats() * sizeof(float) <= kWorkspaceBytes;
  const size_t tile = is_held ? 0 : job.tile_floats();
  return scratch_floats >= job.kernel_floats() + tile ? job.kernel_floats() : 0;
}

/// The memory of a command.
struct WinogradMemory {
  float* kept;  // for one transformed kernel; null where it is transformed on the way
  float* blocks;
  size_t fit;  // tiles of `blocks`
};

/// All tiles of a kernel.
void run_kernel(const WinogradJob& job, const KernelTiles& tiles, const WinogradMemory& memory) {
  const size_t threads = job.run.pool.threads();
  const float* kept = memory.kept;
  if (kept != nullptr) keep_kernel(job, tiles, memory.kept);
  if (memory.fit == 0) {
    const size_t own = kWorkspaceBytes / sizeof(float) / job.tile_floats();
    return run_private(job, tiles, kept, own, [&](size_t thread) {
      return reinterpret_cast<float*>(job.run.workspace[thread]);
    });
  }
  const size_t own =
      std::min(memory.fit / threads, std::max(kFewestTiles, kBlockFloats / job.tile_floats()));
  if (kept == nullptr || own < kFewestTiles)
    return run_shared(job, tiles, kept, memory.fit, memory.blocks);
  run_private(job, tiles, kept, own,
              [&](size_t thread) { return memory.blocks + thread * own * job.tile_floats(); });
}

}  // namespace

void run_winograd(const WinogradCommand& command, const Execution& run) {
  const WinogradJob job = make_winograd_job(command, run);
  const ResolvedView scratch = resolve(run, command.scratch_view);
  const size_t kept = kept_floats(job, elements(scratch));
  const WinogradMemory memory{.kept = kept > 0 ? scratch.data : nullptr,
                              .blocks = scratch.data + kept,
                              .fit = (elements(scratch) - kept) / job.tile_floats()};
  for_each_kernel(job, [&](const KernelTiles& tiles) {
    if (!job.aborted()) run_kernel(job, tiles, memory);
  });
}

}  // namespace untangle
