// normalize: instance normalisation of x [N, H, W, C] over H and W, with an epilogue.
//
// Moments are made per chunk of the map (kNormalizeChunks of them, whatever the number of threads),
// each from small blocks whose exact moments are merged; then the chunks are merged in order. No
// sum of squares of large values is ever subtracted from another.
//
// A map that comes in bands has its moments made band by band: a chunk goes on where the band
// before left it, so that the sums are those of the whole map. Bands are normalized once all have
// come.

#include <bit>
#include <cmath>

#include "native/cpu/activation.h"
#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"

namespace untangle {
namespace {

constexpr size_t kChannels = 512;        // channels handled together
constexpr size_t kBlockElements = 4096;  // 16 KiB: read twice from the first-level cache
static_assert(6 * kBlockElements + 3 * kChannels <= kWorkspaceFloats);

/// A map seen as a list of pixels.
struct Map {
  ResolvedView view;

  float* pixel(size_t n, size_t p, size_t c) const {
    const size_t width = view.dims[2];
    return view.data + int64_t(n) * view.strides[0] + int64_t(p / width) * view.strides[1] +
           int64_t(p % width) * view.strides[2] + int64_t(c) * view.strides[3];
  }
  /// True when channels are adjacent, so that kernels can run on the map itself.
  bool is_direct() const { return view.strides[3] == 1; }
};

struct Normalization {
  const Execution& run;
  Map x, y, residual;
  bool has_residual;
  const float* scale;  // null: 1
  const float* shift;  // null: 0
  float* scratch;      // [2 * kNormalizeChunks + 2][N][C]: chunk means, chunk m2, mean, factor
  float epsilon;
  Activation activation;
  size_t batch, width, channels, channel_blocks;
  size_t pixels;       // of the whole map
  size_t first, here;  // the pixels that x holds: the first one, and how many

  float* row(size_t index, size_t n, size_t c) const {
    return scratch + (index * batch + n) * channels + c;
  }
  size_t chunk_start(size_t chunk) const { return pixels * chunk / kNormalizeChunks; }
};

size_t block_pixels(size_t channels) { return std::max<size_t>(4, kBlockElements / channels); }

/// Calls body(pixel, count) for runs of at most `limit` pixels within one row of the map.
template <typename Body>
void for_pixel_runs(const Normalization& norm, size_t begin, size_t end, size_t limit,
                    Body&& body) {
  while (begin < end) {
    const size_t row_left = norm.width - begin % norm.width;
    const size_t count = std::min({limit, row_left, end - begin});
    body(begin, count);
    begin += count;
  }
}

/// Mean and m2 of one chunk of one image, for a block of channels, into scratch.
void chunk_moments(const Normalization& norm, size_t n, size_t chunk, size_t c, float* buffers) {
  const OpKernels& kernels = norm.run.kernels.ops;
  const size_t channels = std::min(kChannels, norm.channels - c);
  float* mean = norm.row(chunk, n, c);
  float* m2 = norm.row(kNormalizeChunks + chunk, n, c);
  float* block_mean = buffers;
  float* block_m2 = buffers + kChannels;
  float* staged = buffers + 2 * kChannels;
  const size_t begin = std::max(norm.chunk_start(chunk), norm.first);
  const size_t end = std::min(norm.chunk_start(chunk + 1), norm.first + norm.here);
  if (begin >= end) return;
  size_t merged = begin - norm.chunk_start(chunk);
  for_pixel_runs(norm, begin, end, block_pixels(channels), [&](size_t p, size_t count) {
    float* x = norm.x.pixel(n, p - norm.first, c);
    ptrdiff_t stride = norm.x.view.strides[2];
    if (!norm.x.is_direct()) {
      const ptrdiff_t row = static_cast<ptrdiff_t>(channels);
      kernels.copy_block({x, stride, norm.x.view.strides[3]}, {staged, row, 1}, count, channels);
      x = staged;
      stride = row;
    }
    if (merged == 0) {
      kernels.moments(x, stride, count, channels, mean, m2);
    } else {
      kernels.moments(x, stride, count, channels, block_mean, block_m2);
      kernels.merge_moments(static_cast<float>(merged), static_cast<float>(count), block_mean,
                            block_m2, mean, m2, channels);
    }
    merged += count;
  });
}

/// Merges the chunks of one image in order and turns them into mean and factor.
void merge_chunks(const Normalization& norm, size_t n) {
  float* mean = norm.row(2 * kNormalizeChunks, n, 0);
  float* factor = norm.row(2 * kNormalizeChunks + 1, n, 0);
  size_t merged = 0;
  for (size_t chunk = 0; chunk < kNormalizeChunks; chunk++) {
    const size_t count = norm.chunk_start(chunk + 1) - norm.chunk_start(chunk);
    if (count == 0) continue;
    const float* chunk_mean = norm.row(chunk, n, 0);
    const float* chunk_m2 = norm.row(kNormalizeChunks + chunk, n, 0);
    if (merged == 0) {
      std::copy_n(chunk_mean, norm.channels, mean);
      std::copy_n(chunk_m2, norm.channels, factor);
    } else {
      norm.run.kernels.ops.merge_moments(static_cast<float>(merged), static_cast<float>(count),
                                         chunk_mean, chunk_m2, mean, factor, norm.channels);
    }
    merged += count;
  }
  for (size_t c = 0; c < norm.channels; c++) {
    const float variance = factor[c] / static_cast<float>(norm.pixels);
    factor[c] = (norm.scale == nullptr ? 1.0f : norm.scale[c]) / std::sqrt(variance + norm.epsilon);
  }
}

/// Writes pixels [p, p + count) of one row, for a block of channels.
void apply_run(const Normalization& norm, size_t n, size_t p, size_t count, size_t c,
               float* buffers) {
  const OpKernels& kernels = norm.run.kernels.ops;
  const size_t channels = std::min(kChannels, norm.channels - c);
  const ptrdiff_t row = static_cast<ptrdiff_t>(channels);
  // Maps whose channels are not adjacent pass through buffers.
  const auto load = [&](const Map& map, float* buffer, ptrdiff_t& stride) {
    float* data = map.pixel(n, p, c);
    stride = map.view.strides[2];
    if (map.is_direct()) return data;
    kernels.copy_block({data, stride, map.view.strides[3]}, {buffer, row, 1}, count, channels);
    stride = row;
    return buffer;
  };
  NormalizeRows rows{};
  rows.pixels = count;
  rows.channels = channels;
  rows.x = load(norm.x, buffers + kChannels, rows.x_stride);
  if (norm.has_residual) {
    rows.residual =
        load(norm.residual, buffers + kChannels + 2 * kBlockElements, rows.residual_stride);
  }
  rows.mean = norm.row(2 * kNormalizeChunks, n, c);
  rows.factor = norm.row(2 * kNormalizeChunks + 1, n, c);
  rows.shift = norm.shift == nullptr ? buffers : norm.shift + c;
  if (norm.shift == nullptr) kernels.fill(0.0f, buffers, 1, channels);
  rows.activation = norm.activation;
  if (rows.activation.slope != nullptr) rows.activation.slope += c;

  float* y = norm.y.pixel(n, p, c);
  const ptrdiff_t y_stride = norm.y.view.strides[2];
  rows.y = norm.y.is_direct() ? y : buffers + kChannels + 4 * kBlockElements;
  rows.y_stride = norm.y.is_direct() ? y_stride : row;
  kernels.normalize(rows);
  if (!norm.y.is_direct()) {
    kernels.copy_block({rows.y, row, 1}, {y, y_stride, norm.y.view.strides[3]}, count, channels);
  }
}

Normalization make_normalization(const NormalizeCommand& command, const Execution& run) {
  const auto vector = [&run](uint32_t view) {
    return view == kNone ? nullptr : resolve(run, view).data;
  };
  const ResolvedView x = resolve(run, command.x);
  const bool has_residual = command.residual_view != kNone;
  return {.run = run,
          .x = {x},
          .y = {resolve(run, command.y)},
          .residual = {has_residual ? resolve(run, command.residual_view) : ResolvedView{}},
          .has_residual = has_residual,
          .scale = vector(command.scale_view),
          .shift = vector(command.bias_view),
          .scratch = resolve(run, command.scratch_view).data,
          .epsilon = std::bit_cast<float>(command.epsilon_bits),
          .activation = resolve_activation(command, run),
          .batch = x.dims[0],
          .width = x.dims[2],
          .channels = x.dims[3],
          .channel_blocks = (x.dims[3] + kChannels - 1) / kChannels,
          .pixels = size_t{command.rows} * x.dims[2],
          .first = size_t{command.row} * x.dims[2],
          .here = size_t{x.dims[1]} * x.dims[2]};
}

void make_moments(const Normalization& norm) {
  const Execution& run = norm.run;
  const size_t channels = std::min(kChannels, norm.channels);
  for_ranges(run, norm.batch * norm.channel_blocks * kNormalizeChunks,
             (norm.here / kNormalizeChunks + 1) * channels,
             [&](size_t begin, size_t end, size_t thread) {
               for (size_t item = begin; item < end; item++) {
                 const size_t outer = item / kNormalizeChunks;
                 chunk_moments(norm, outer / norm.channel_blocks, item % kNormalizeChunks,
                               outer % norm.channel_blocks * kChannels, workspace(run, thread));
               }
             });
}

void apply_moments(const Normalization& norm) {
  const Execution& run = norm.run;
  const size_t channels = std::min(kChannels, norm.channels);
  for (size_t n = 0; n < norm.batch; n++) merge_chunks(norm, n);

  const size_t step = block_pixels(channels);
  const size_t steps = (norm.here + step - 1) / step;
  for_ranges(run, norm.batch * norm.channel_blocks * steps, step * channels,
             [&](size_t begin, size_t end, size_t thread) {
               for (size_t item = begin; item < end; item++) {
                 const size_t outer = item / steps;
                 const size_t p = item % steps * step;
                 for_pixel_runs(
                     norm, p, std::min(norm.here, p + step), step, [&](size_t at, size_t count) {
                       apply_run(norm, outer / norm.channel_blocks, at, count,
                                 outer % norm.channel_blocks * kChannels, workspace(run, thread));
                     });
               }
             });
}

}  // namespace

void run_normalize(const NormalizeCommand& command, const Execution& run) {
  const Normalization norm = make_normalization(command, run);
  const auto part = static_cast<NormalizePart>(command.part);
  if (part != NormalizePart::kApply) make_moments(norm);
  if (part != NormalizePart::kMoments) apply_moments(norm);
}

}  // namespace untangle
