// winograd: 3x3 convolutions of stride 1, dilated ones too, as one GEMM per product of a tile.
//
// Blocks of tiles go through three stages: transform the inputs, multiply, transform the sums. With
// few channels a block lies in a thread's workspace and every thread runs blocks of its own; with
// many it lies in the arena, so that the weights are read once for many tiles, and all threads work
// on each stage. An output is one chain of FMAs over the channels either way, whatever the threads.

#include <algorithm>
#include <atomic>
#include <bit>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

namespace {

constexpr size_t kMaxInputs = 6;
constexpr size_t kMaxOutputs = 4;
// Keeps neighbouring tiles out of one another's cache sets.
constexpr size_t kGap = 16;
// Channels whose weights stay in L2 while all row tiles use them.
constexpr size_t kSlice = 512;
// Tiles of an item of the transforms.
constexpr size_t kItemTiles = 4;

alignas(64) const float kZeros[kMaxWinogradChannels] = {};

/// One axis: outputs r + dilation * j of residue r, in tiles of neighbouring j.
struct TileAxis {
  int64_t dilation;
  int64_t pad;
  size_t tiles;  // of a residue
  size_t count;  // of all residues

  /// The first output of tile `index`.
  int64_t start(size_t index, size_t outputs) const {
    const auto residue = static_cast<int64_t>(index / tiles);
    return residue + dilation * static_cast<int64_t>(index % tiles * outputs);
  }
};

TileAxis make_axis(size_t size, size_t dilation, size_t pad, size_t outputs) {
  const size_t tiles = divide_up(divide_up(size, dilation), outputs);
  return {static_cast<int64_t>(dilation), static_cast<int64_t>(pad), tiles,
          tiles * std::min(dilation, size)};
}

struct WinogradJob {
  const Execution& run;
  MapView x;
  MapView y;
  MapView residual;
  const float* weights;  // [panels][products * channels][kPanel]
  const float* bias;     // [panels * kPanel], or null
  const float* slope;    // the same
  Unary activation;
  float alpha;
  float beta;
  size_t outputs;  // m of F(m, 3)
  TileAxis rows;
  TileAxis columns;

  const Kernels& kernels() const { return run.kernels; }
  size_t form() const { return outputs / 2 - 1; }
  size_t inputs() const { return outputs + 2; }
  size_t products() const { return inputs() * inputs(); }
  size_t padded() const { return divide_up(y.channels, kPanel) * kPanel; }
  size_t tiles() const { return size_t{y.n} * rows.count * columns.count; }
  size_t input_floats() const { return products() * x.channels + kGap; }
  size_t sum_floats() const { return products() * padded() + kGap; }
  size_t tile_floats() const { return input_floats() + sum_floats(); }
  size_t column_tiles() const { return divide_up(padded(), kernels().panels * kPanel); }
  bool has_epilogue() const { return activation != Unary::kIdentity || residual.data != nullptr; }
  bool aborted() const { return run.aborted.load(std::memory_order_relaxed); }
};

WinogradJob make_job(const WinogradCommand& command, const Execution& run) {
  const MapView y = resolve_map(run, command.y);
  return {.run = run,
          .x = resolve_map(run, command.x),
          .y = y,
          .residual = resolve_map(run, command.residual_view),
          .weights = resolve_constants(run, command.weights_view),
          .bias = resolve_constants(run, command.bias_view),
          .slope = resolve_constants(run, command.slope_view),
          .activation = static_cast<Unary>(command.activation),
          .alpha = std::bit_cast<float>(command.alpha_bits),
          .beta = std::bit_cast<float>(command.beta_bits),
          .outputs = command.tile,
          .rows = make_axis(y.height, command.dilation_y, command.pad_top, command.tile),
          .columns = make_axis(y.width, command.dilation_x, command.pad_left, command.tile)};
}

/// Tiles [first, first + count) and the memory of their transforms.
class WinogradBlock {
 public:
  WinogradBlock(const WinogradJob& job, float* memory, size_t first, size_t count)
      : job_(job),
        first_(first),
        count_(count),
        inputs_(memory),
        sums_(memory + count * job.input_floats()) {}

  /// Inputs of tiles [begin, end) of the block.
  void transform_inputs(size_t begin, size_t end) const {
    const MapView& x = job_.x;
    const size_t n = job_.inputs();
    for (size_t tile = begin; tile < end; tile++) {
      const Place at = place(tile);
      const float* pixels[kMaxInputs * kMaxInputs];
      for (size_t i = 0; i < n; i++) {
        const int64_t in_y = at.y - job_.rows.pad + job_.rows.dilation * static_cast<int64_t>(i);
        for (size_t j = 0; j < n; j++) {
          const int64_t in_x =
              at.x - job_.columns.pad + job_.columns.dilation * static_cast<int64_t>(j);
          pixels[i * n + j] = x.contains(in_y, in_x) ? x.at(at.image, in_y, in_x) : kZeros;
        }
      }
      job_.kernels().winograd_input[job_.form()]({.x = pixels,
                                                  .channels = x.channels,
                                                  .v = inputs_ + tile * job_.input_floats(),
                                                  .stride = x.channels});
    }
  }

  /// One product of all tiles, one column tile wide.
  void multiply(size_t product, size_t column) const {
    const Kernels& kernels = job_.kernels();
    const size_t channels = job_.x.channels;
    const size_t k_total = job_.products() * channels;
    const size_t width = kernels.panels * kPanel;
    const size_t columns = std::min(width, job_.padded() - column * width);
    const size_t row_tiles = divide_up(count_, kernels.mr);
    const size_t slices = divide_up(channels, kSlice);
    for (size_t slice = 0; slice < slices; slice++) {
      const size_t channel = split_at(channels, slices, slice);
      const auto k = static_cast<uint32_t>(product * channels + channel);
      for (size_t tile = 0; tile < row_tiles; tile++) {
        const size_t start = split_at(count_, row_tiles, tile);
        const size_t rows = split_at(count_, row_tiles, tile + 1) - start;
        const float* a[kMaxTileRows];
        float* c[kMaxTileRows];
        for (size_t i = 0; i < rows; i++) {
          a[i] = inputs_ + (start + i) * job_.input_floats() + k;
          c[i] = sums_ + (start + i) * job_.sum_floats() + product * job_.padded() + column * width;
        }
        kernels.gemm[(columns - 1) / kPanel][rows - 1](
            {.rows = a,
             .tap_k = &k,
             .taps = 1,
             .kc = split_at(channels, slices, slice + 1) - channel,
             .weights = job_.weights + column * kernels.panels * k_total * kPanel,
             .panel_stride = k_total * kPanel,
             .bias = nullptr,
             .c = c,
             .columns = columns,
             .accumulate = slice > 0});
      }
    }
  }

  /// Outputs of tiles [begin, end) of the block, with the epilogue.
  void transform_outputs(size_t begin, size_t end) const {
    for (size_t tile = begin; tile < end; tile++) {
      float* sums = sums_ + tile * job_.sum_floats();
      float* targets[kMaxOutputs * kMaxOutputs];
      list_targets(job_.y, place(tile), targets);
      job_.kernels().winograd_output[job_.form()]({.p = sums,
                                                   .stride = job_.padded(),
                                                   .channels = job_.y.channels,
                                                   .bias = job_.bias,
                                                   .y = job_.has_epilogue() ? nullptr : targets});
      if (job_.has_epilogue()) finish(place(tile), sums, targets);
    }
  }

 private:
  struct Place {
    uint32_t image;
    int64_t y;  // of the first output
    int64_t x;
  };

  Place place(size_t tile) const {
    const size_t index = first_ + tile;
    const size_t column = index % job_.columns.count;
    const size_t row = index / job_.columns.count % job_.rows.count;
    return {static_cast<uint32_t>(index / job_.columns.count / job_.rows.count),
            job_.rows.start(row, job_.outputs), job_.columns.start(column, job_.outputs)};
  }

  /// The pixels of a map under the outputs of a tile; null outside it.
  void list_targets(const MapView& map, const Place& at, float** targets) const {
    for (size_t i = 0; i < job_.outputs; i++) {
      const int64_t out_y = at.y + job_.rows.dilation * static_cast<int64_t>(i);
      for (size_t j = 0; j < job_.outputs; j++) {
        const int64_t out_x = at.x + job_.columns.dilation * static_cast<int64_t>(j);
        targets[i * job_.outputs + j] =
            map.contains(out_y, out_x) ? map.at(at.image, out_y, out_x) : nullptr;
      }
    }
  }

  /// Residual and activation of the outputs of a tile that lie in y.
  void finish(const Place& at, const float* sums, float* const* targets) const {
    constexpr size_t kMost = kMaxOutputs * kMaxOutputs;
    float* residuals[kMost] = {};
    if (job_.residual.data != nullptr) list_targets(job_.residual, at, residuals);
    const float* source[kMost];
    const float* added[kMost];
    float* kept[kMost];
    size_t rows = 0;
    for (size_t i = 0; i < job_.outputs * job_.outputs; i++) {
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
  const size_t first_;
  const size_t count_;
  float* const inputs_;
  float* const sums_;
};

/// A block after the other in each thread's workspace.
void run_private(const WinogradJob& job) {
  const size_t tiles = job.tiles();
  const size_t threads = job.run.pool.threads();
  const size_t most =
      std::min(kWorkspaceBytes / sizeof(float) / job.tile_floats(), divide_up(tiles, threads));
  const size_t blocks = divide_up(tiles, std::max<size_t>(1, most));
  job.run.pool.parallel_for(blocks, [&](size_t index, size_t thread) {
    const size_t first = split_at(tiles, blocks, index);
    const size_t count = split_at(tiles, blocks, index + 1) - first;
    const WinogradBlock block(job, reinterpret_cast<float*>(job.run.workspace[thread]), first,
                              count);
    if (job.aborted()) return;
    block.transform_inputs(0, count);
    for (size_t product = 0; product < job.products(); product++) {
      if (job.aborted()) return;
      for (size_t column = 0; column < job.column_tiles(); column++) {
        block.multiply(product, column);
      }
    }
    block.transform_outputs(0, count);
  });
}

/// All threads on each stage of a block in `memory`.
void run_shared(const WinogradJob& job, float* memory, size_t elements) {
  const size_t tiles = job.tiles();
  const size_t blocks = divide_up(tiles, elements / job.tile_floats());
  for (size_t index = 0; index < blocks; index++) {
    const size_t first = split_at(tiles, blocks, index);
    const size_t count = split_at(tiles, blocks, index + 1) - first;
    const WinogradBlock block(job, memory, first, count);
    const size_t items = divide_up(count, kItemTiles);
    job.run.pool.parallel_for(items, [&](size_t item, size_t) {
      if (job.aborted()) return;
      block.transform_inputs(item * kItemTiles, std::min(count, (item + 1) * kItemTiles));
    });
    const size_t column_tiles = job.column_tiles();
    job.run.pool.parallel_for(job.products() * column_tiles, [&](size_t item, size_t) {
      if (!job.aborted()) block.multiply(item / column_tiles, item % column_tiles);
    });
    job.run.pool.parallel_for(items, [&](size_t item, size_t) {
      if (job.aborted()) return;
      block.transform_outputs(item * kItemTiles, std::min(count, (item + 1) * kItemTiles));
    });
    if (job.aborted()) return;
  }
}

}  // namespace

void run_winograd(const WinogradCommand& command, const Execution& run) {
  const WinogradJob job = make_job(command, run);
  if (command.scratch_view == kNone) return run_private(job);
  const ResolvedView scratch = resolve(run, command.scratch_view);
  size_t elements = 1;
  for (uint32_t d = 0; d < scratch.rank; d++) elements *= scratch.dims[d];
  run_shared(job, scratch.data, elements);
}

}  // namespace untangle
