// planarTaps: few output channels over maps of any strides, one thread per output of a region.
//
// Neighbouring threads have neighbouring pixels of one channel: planes are read and written whole.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

extern "C" __global__ void __launch_bounds__(256) untangle_planar_taps(const PlanarTapsParams p) {
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  const uint32_t index = block * kThreads + threadIdx.x;
  if (index >= pixels * static_cast<uint32_t>(p.y.channels)) return;
  const uint32_t c = index / pixels;
  const Pixel pixel = locate_pixel(region, index % pixels);
  if (!contains(p.y, pixel.out_y, pixel.out_x)) return;

  const float* weights = p.weights + c / p.rows * p.k_total * p.rows + c % p.rows;
  float sum = p.bias == nullptr ? 0.0f : p.bias[c];
  for (uint32_t t = 0; t < region.tap_count; t++) {
    const TapRecord tap = p.table.taps[region.tap_first + t];
    const int32_t y = pixel.in_y + tap.dy;
    const int32_t x = pixel.in_x + tap.dx;
    if (!contains(p.x, y, x)) continue;
    const int32_t from = pixel_offset(p.x, pixel.image, y, x);
    for (uint32_t k = 0; k < region.kc; k++) {
      sum = fmaf(load(p.x.values, from + static_cast<int32_t>(k) * p.x.stride_c),
                 weights[(tap.k + k) * p.rows], sum);
    }
  }
  const auto channel = static_cast<int32_t>(c);
  if (has_values(p.residual.values)) {
    sum += load(p.residual.values, pixel_offset(p.residual, pixel.image, pixel.out_y, pixel.out_x) +
                                       channel * p.residual.stride_c);
  }
  store(p.y.values,
        pixel_offset(p.y, pixel.image, pixel.out_y, pixel.out_x) + channel * p.y.stride_c,
        activate(p.activation, sum, c));
}

}  // namespace gpu
}  // namespace untangle
