// depthwise: one weight per tap and channel; pixels share a pass over the weights.
//
// Each output is one chain of FMAs in the order of the taps, inside one item: the thread count
// changes nothing.

#include <algorithm>
#include <atomic>
#include <bit>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

namespace {

// Taps whose pointers are kept at a time.
constexpr size_t kMaxTaps = 4096;
// Channels of one pass: what the zeros of padded reads can hold.
constexpr size_t kMaxChannels = 2048;
// Multiply-accumulates of an item: some 10 us, as these loops wait for memory more than for FMAs.
constexpr size_t kItemMacs = 131072;

alignas(64) const float kZeros[kMaxChannels] = {};

struct DepthwiseWorkspace {
  const float* rows[kMaxTaps * kMaxTilePixels];  // [tap][pixels]
  uint32_t tap_k[kMaxTaps];
  alignas(64) float dropped[kMaxChannels];  // outputs outside y
};
static_assert(sizeof(DepthwiseWorkspace) <= kWorkspaceBytes);

struct DepthwiseJob {
  const Execution& run;
  MapView x;
  MapView y;
  MapView residual;
  const float* weights;  // [k][channels]
  const float* bias;     // [channels], or null
  const float* slope;    // [channels], or null
  Unary activation;
  float alpha;
  float beta;

  /// The residual lies where y will: sums start from it instead of adding it last.
  bool in_place() const { return residual.data != nullptr && residual.data == y.data; }
  bool adds_residual() const { return residual.data != nullptr && !in_place(); }
};

/// Up to kMaxTilePixels outputs times a run of channels.
struct DepthwisePass {
  const RegionPixel* pixels;
  size_t count;
  size_t channel;
  size_t channels;
};

/// Lists what taps [first, last) read, without those that miss the input for all pixels; returns
/// how many are left.
size_t list_taps(const DepthwiseJob& job, const RegionRecord& region, const DepthwisePass& pass,
                 size_t first, size_t last, DepthwiseWorkspace& work) {
  size_t count = 0;
  for (size_t index = first; index < last; index++) {
    const TapRecord& tap = job.run.program.taps[region.tap_first + index];
    bool any = false;
    for (size_t i = 0; i < pass.count; i++) {
      const float* source = tap_source(job.x, pass.pixels[i], tap, pass.channel);
      work.rows[count * pass.count + i] = source != nullptr ? source : kZeros;
      any |= source != nullptr;
    }
    if (any) work.tap_k[count++] = tap.k;
  }
  return count;
}

void finish_pass(const DepthwiseJob& job, const DepthwisePass& pass, float* const* rows) {
  if (job.activation == Unary::kIdentity && !job.adds_residual()) return;
  float* target[kMaxTilePixels];
  const float* residual[kMaxTilePixels];
  size_t kept = 0;
  for (size_t i = 0; i < pass.count; i++) {
    const RegionPixel& pixel = pass.pixels[i];
    if (!job.y.contains(pixel.out_y, pixel.out_x)) continue;
    target[kept] = rows[i];
    if (job.adds_residual())
      residual[kept] = job.residual.at(pixel.image, pixel.out_y, pixel.out_x) + pass.channel;
    kept++;
  }
  job.run.kernels.epilogue({.rows = kept,
                            .columns = pass.channels,
                            .source = target,
                            .target = target,
                            .residual = job.adds_residual() ? residual : nullptr,
                            .slope = job.slope ? job.slope + pass.channel : nullptr,
                            .activation = job.activation,
                            .alpha = job.alpha,
                            .beta = job.beta});
}

void run_pass(const DepthwiseJob& job, const RegionRecord& region, const DepthwisePass& pass,
              DepthwiseWorkspace& work) {
  float* rows[kMaxTilePixels];
  for (size_t i = 0; i < pass.count; i++) {
    const RegionPixel& pixel = pass.pixels[i];
    const bool inside = job.y.contains(pixel.out_y, pixel.out_x);
    rows[i] =
        inside ? job.y.at(pixel.image, pixel.out_y, pixel.out_x) + pass.channel : work.dropped;
  }
  size_t first = 0;
  do {  // once, unless there are thousands of taps; none at all still write the bias
    const size_t last = std::min<size_t>(region.tap_count, first + kMaxTaps);
    const size_t taps = list_taps(job, region, pass, first, last, work);
    job.run.kernels.depthwise[pass.count - 1](
        {.rows = work.rows,
         .tap_k = work.tap_k,
         .taps = taps,
         .weights = job.weights + pass.channel,
         .weight_stride = job.x.channels,
         .bias = job.bias && first == 0 ? job.bias + pass.channel : nullptr,
         .y = rows,
         .channels = pass.channels,
         .accumulate = first > 0 || job.in_place()});
    first = last;
  } while (first < region.tap_count);
  finish_pass(job, pass, rows);
}

/// Pixels [first, last) of a region.
void run_item(const DepthwiseJob& job, const RegionRecord& region, size_t first, size_t last,
              DepthwiseWorkspace& work) {
  const size_t width = job.run.kernels.pixels;
  for (size_t at = first; at < last; at += width) {
    if (job.run.aborted.load(std::memory_order_relaxed)) return;
    RegionPixel pixels[kMaxTilePixels];
    const size_t count = std::min(width, last - at);
    list_pixels(region, at, count, pixels);
    for (size_t channel = 0; channel < job.x.channels; channel += kMaxChannels) {
      const size_t channels = std::min<size_t>(kMaxChannels, job.x.channels - channel);
      run_pass(job, region, {pixels, count, channel, channels}, work);
    }
  }
}

size_t pixels_per_item(const DepthwiseJob& job, const RegionRecord& region) {
  const size_t pixel_macs = std::max<size_t>(1, size_t{region.tap_count} * job.x.channels);
  return std::max(job.run.kernels.pixels, kItemMacs / pixel_macs / kMaxTilePixels * kMaxTilePixels);
}

}  // namespace

void run_depthwise(const DepthwiseCommand& command, const Execution& run) {
  const DepthwiseJob job{.run = run,
                         .x = resolve_map(run, command.x),
                         .y = resolve_map(run, command.y),
                         .residual = resolve_map(run, command.residual_view),
                         .weights = resolve_constants(run, command.weights_view),
                         .bias = resolve_constants(run, command.bias_view),
                         .slope = resolve_constants(run, command.slope_view),
                         .activation = static_cast<Unary>(command.activation),
                         .alpha = std::bit_cast<float>(command.alpha_bits),
                         .beta = std::bit_cast<float>(command.beta_bits)};
  const auto regions = run.program.regions.subspan(command.region_first, command.region_count);

  size_t items = 0;
  for (const RegionRecord& region : regions) {
    items += divide_up(count_pixels(region, job.y), pixels_per_item(job, region));
  }
  run.pool.parallel_for(items, [&](size_t item, size_t thread) {
    auto& work = *reinterpret_cast<DepthwiseWorkspace*>(run.workspace[thread]);
    for (const RegionRecord& region : regions) {
      const size_t pixels = count_pixels(region, job.y);
      const size_t step = pixels_per_item(job, region);
      const size_t region_items = divide_up(pixels, step);
      if (item < region_items)
        return run_item(job, region, item * step, std::min(pixels, (item + 1) * step), work);
      item -= region_items;
    }
  });
}

}  // namespace untangle
