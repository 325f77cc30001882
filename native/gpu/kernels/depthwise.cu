// depthwise: one weight per tap and channel, one thread per output of a region.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

extern "C" __global__ void __launch_bounds__(256) untangle_depthwise(const DepthwiseParams p) {
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const auto channels = static_cast<uint32_t>(p.x.channels);
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  const uint32_t index = block * kThreads + threadIdx.x;
  if (index >= pixels * channels) return;
  const uint32_t c = index % channels;
  const Pixel pixel = locate_pixel(region, index / channels);
  if (!contains(p.y, pixel.out_y, pixel.out_x)) return;

  float sum = p.bias == nullptr ? 0.0f : p.bias[c];
  for (uint32_t t = 0; t < region.tap_count; t++) {
    const TapRecord tap = p.table.taps[region.tap_first + t];
    const int32_t y = pixel.in_y + tap.dy;
    const int32_t x = pixel.in_x + tap.dx;
    if (!contains(p.x, y, x)) continue;
    sum = fmaf(load(p.x.values, pixel_offset(p.x, pixel.image, y, x) + static_cast<int32_t>(c)),
               p.weights[tap.k * channels + c], sum);
  }
  if (has_values(p.residual.values)) {
    sum += load(p.residual.values, pixel_offset(p.residual, pixel.image, pixel.out_y, pixel.out_x) +
                                       static_cast<int32_t>(c));
  }
  store(p.y.values,
        pixel_offset(p.y, pixel.image, pixel.out_y, pixel.out_x) + static_cast<int32_t>(c),
        activate(p.activation, sum, c));
}

}  // namespace gpu
}  // namespace untangle
