// Before and after the products of phases whose patches are gathered: a matrix of what the taps of
// a region read, and the sums brought to their places.
//
// Blocks are dealt out to regions whole, so a matrix begins where the first thread of its region
// does: what a thread reads or writes of `partial` is at its own number.

#include "native/gpu/kernels/swept.cuh"

namespace untangle {
namespace gpu {

/// partial = [groups][pixels][taps][channels of a tap] of each region.
extern "C" __global__ void __launch_bounds__(256) untangle_patches(const GemmTapsParams p) {
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  const uint32_t depth = region.tap_count * region.kc;
  const uint32_t index = block * kThreads + threadIdx.x;
  if (index >= p.groups * pixels * depth) return;
  const uint32_t k = index % depth;
  const uint32_t row = index / depth;
  const Pixel pixel = locate_pixel(region, row % pixels);
  const TapRecord tap = p.table.taps[region.tap_first + k / region.kc];
  const int32_t y = pixel.in_y + tap.dy;
  const int32_t x = pixel.in_x + tap.dx;
  const auto channel = static_cast<int32_t>(row / pixels * p.group_inputs + k % region.kc);
  p.partial[thread_index()] =
      contains(p.x, y, x) ? load(p.x.values, pixel_offset(p.x, pixel.image, y, x) + channel) : 0.0f;
}

/// partial = [pixels][channels] of each region. The residual may lie where y will.
extern "C" __global__ void __launch_bounds__(256) untangle_patches_end(const GemmTapsParams p) {
  SweptOutput output;
  if (!find_output(p, output)) return;
  float value = p.partial[thread_index()] + (p.bias == nullptr ? 0.0f : p.bias[output.column]);
  if (has_values(p.residual.values)) {
    value += load(p.residual.values, offset_in(p.residual, output));
  }
  store(p.y.values, offset_in(p.y, output), activate(p.activation, value, output.column));
}

}  // namespace gpu
}  // namespace untangle
