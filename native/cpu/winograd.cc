// winograd: kernels of two or three taps an axis as one GEMM per product of a tile.
//
// Tiles of a kernel follow one another, region by region. Blocks of them go through three stages:
// transform the inputs, multiply, transform the sums. Small kernels are read for a block of each
// thread, in its workspace or, with many channels, in its part of the arena; large ones for a block
// of all threads, which work on each stage together. An output is one chain of FMAs over the
// channels either way, whatever the threads.

#include <algorithm>
#include <atomic>

#include "native/cpu/winograd_tiles.h"

namespace untangle {

namespace {

// Channels whose weights stay in L2 while all row tiles use them.
constexpr size_t kSlice = 512;
// Fewest tiles of an item of the transforms, and items of each thread where there are more.
constexpr size_t kItemTiles = 4;
constexpr size_t kItemsPerThread = 8;

// Transformed tiles that stay in a core's L2, and fewest of them worth the weights they read;
// larger kernels are not read again for every such block.
constexpr size_t kBlockFloats = 163840;
constexpr size_t kFewestTiles = 16;
constexpr size_t kKernelFloats = size_t{1} << 20;

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

  /// One product of all tiles, one column tile wide.
  void multiply(size_t product, size_t column) const {
    const Kernels& kernels = job_.kernels();
    const size_t channels = job_.x.channels;
    const size_t width = kernels.panels * kPanel;
    const size_t columns = std::min(width, job_.padded() - column * width);
    const size_t row_tiles = divide_up(count_, kernels.mr);
    const size_t slices = divide_up(channels, kSlice);
    for (size_t slice = 0; slice < slices; slice++) {
      const size_t channel = split_at(channels, slices, slice);
      const size_t factor = product * channels + channel;
      const auto k = static_cast<uint32_t>(tiles_.kernel + factor);
      for (size_t tile = 0; tile < row_tiles; tile++) {
        const size_t start = split_at(count_, row_tiles, tile);
        const size_t rows = split_at(count_, row_tiles, tile + 1) - start;
        const float* a[kMaxTileRows];
        float* c[kMaxTileRows];
        for (size_t i = 0; i < rows; i++) {
          a[i] = inputs_ + (start + i) * job_.input_floats() + factor;
          c[i] = sums_ + (start + i) * job_.sum_floats() + product * job_.padded() + column * width;
        }
        kernels.gemm[(columns - 1) / kPanel][rows - 1](
            {.rows = a,
             .tap_k = &k,
             .taps = 1,
             .kc = split_at(channels, slices, slice + 1) - channel,
             .weights = job_.weights + column * kernels.panels * job_.k_total * kPanel,
             .panel_stride = job_.k_total * kPanel,
             .bias = nullptr,
             .c = c,
             .columns = columns,
             .accumulate = slice > 0});
      }
    }
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
                              .y = job_.has_epilogue() ? nullptr : targets});
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
                             .slope = job_.slope,
                             .activation = job_.activation,
                             .alpha = job_.alpha,
                             .beta = job_.beta});
  }

  const WinogradJob& job_;
  const KernelTiles& tiles_;
  const size_t first_;
  const size_t count_;
  float* const inputs_;
  float* const sums_;
};

/// A kernel's tiles in equal blocks of at most `fit`.
size_t private_blocks(const WinogradJob& job, const KernelTiles& tiles, size_t fit) {
  const size_t most = std::min(fit, divide_up(tiles.count, job.run.pool.threads()));
  return divide_up(tiles.count, std::max<size_t>(1, most));
}

void run_private_block(const WinogradJob& job, const KernelTiles& tiles, size_t blocks,
                       size_t index, float* memory) {
  const size_t first = split_at(tiles.count, blocks, index);
  const size_t count = split_at(tiles.count, blocks, index + 1) - first;
  const WinogradBlock block(job, tiles, memory, first, count);
  if (job.aborted()) return;
  block.transform_inputs(0, count);
  for (size_t product = 0; product < job.products(); product++) {
    if (job.aborted()) return;
    for (size_t column = 0; column < job.column_tiles(); column++) block.multiply(product, column);
  }
  block.transform_outputs(0, count);
}

/// A block of at most `fit` tiles after the other in each thread's memory.
template <typename F>
void run_private(const WinogradJob& job, size_t fit, F&& memory) {
  size_t items = 0;
  for_each_kernel(job, [&](const KernelTiles& tiles) { items += private_blocks(job, tiles, fit); });
  job.run.pool.parallel_for(items, [&](size_t item, size_t thread) {
    size_t first = 0;
    for_each_kernel(job, [&](const KernelTiles& tiles) {
      const size_t blocks = private_blocks(job, tiles, fit);
      if (item >= first && item < first + blocks)
        run_private_block(job, tiles, blocks, item - first, memory(thread));
      first += blocks;
    });
  });
}

/// All threads on each stage of a block.
void run_shared_block(const WinogradJob& job, const WinogradBlock& block, size_t count) {
  const size_t threads = job.run.pool.threads();
  const size_t item_tiles = std::max(kItemTiles, divide_up(count, threads * kItemsPerThread));
  const size_t items = divide_up(count, item_tiles);
  job.run.pool.parallel_for(items, [&](size_t item, size_t) {
    if (job.aborted()) return;
    block.transform_inputs(item * item_tiles, std::min(count, (item + 1) * item_tiles));
  });
  const size_t column_tiles = job.column_tiles();
  job.run.pool.parallel_for(job.products() * column_tiles, [&](size_t item, size_t) {
    if (!job.aborted()) block.multiply(item / column_tiles, item % column_tiles);
  });
  job.run.pool.parallel_for(items, [&](size_t item, size_t) {
    if (job.aborted()) return;
    block.transform_outputs(item * item_tiles, std::min(count, (item + 1) * item_tiles));
  });
}

/// Blocks in the arena: one of each thread while its kernel is cheap to read again, else one of
/// all.
void run_in_arena(const WinogradJob& job, const ResolvedView& scratch) {
  const size_t fit = elements(scratch) / job.tile_floats();
  const size_t own = std::min(fit / job.run.pool.threads(),
                              std::max(kFewestTiles, kBlockFloats / job.tile_floats()));
  if (own >= kFewestTiles && job.kernel_floats() <= kKernelFloats) {
    return run_private(
        job, own, [&](size_t thread) { return scratch.data + thread * own * job.tile_floats(); });
  }
  for_each_kernel(job, [&](const KernelTiles& tiles) {
    const size_t blocks = divide_up(tiles.count, fit);
    for (size_t index = 0; index < blocks; index++) {
      if (job.aborted()) return;
      const size_t first = split_at(tiles.count, blocks, index);
      const size_t count = split_at(tiles.count, blocks, index + 1) - first;
      run_shared_block(job, WinogradBlock(job, tiles, scratch.data, first, count), count);
    }
  });
}

}  // namespace

void run_winograd(const WinogradCommand& command, const Execution& run) {
  const WinogradJob job = make_winograd_job(command, run);
  if (command.scratch_view == kNone) {
    const size_t fit = kWorkspaceBytes / sizeof(float) / job.tile_floats();
    return run_private(
        job, fit, [&](size_t thread) { return reinterpret_cast<float*>(run.workspace[thread]); });
  }
  run_in_arena(job, resolve(run, command.scratch_view));
}

}  // namespace untangle
