// Before and after the products of a sweep tap by tap: bias and residual, then the activation. One
// thread per output of a region.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

/// An output of gemmTaps without fused phases.
struct SweptOutput {
  Pixel pixel;
  uint32_t channel;
  uint32_t column;  // of the bias
};

UNTANGLE_DEVICE bool find_output(const GemmTapsParams& p, SweptOutput& output) {
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const auto channels = static_cast<uint32_t>(p.y.channels);
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  const uint32_t index = block * kThreads + threadIdx.x;
  if (index >= pixels * channels) return false;
  output.pixel = locate_pixel(region, index / channels);
  output.channel = index % channels;
  const uint32_t group = output.channel / p.group_outputs;
  output.column = group * p.panels * kPanel + output.channel % p.group_outputs;
  return contains(p.y, output.pixel.out_y, output.pixel.out_x);
}

UNTANGLE_DEVICE int32_t offset_in(const Map& map, const SweptOutput& output) {
  return pixel_offset(map, output.pixel.image, output.pixel.out_y, output.pixel.out_x) +
         static_cast<int32_t>(output.channel);
}

/// The residual may lie where y will.
extern "C" __global__ void __launch_bounds__(256) untangle_sweep_begin(const GemmTapsParams p) {
  SweptOutput output;
  if (!find_output(p, output)) return;
  float value = p.bias == nullptr ? 0.0f : p.bias[output.column];
  if (has_values(p.residual.values))
    value += load(p.residual.values, offset_in(p.residual, output));
  store(p.y.values, offset_in(p.y, output), value);
}

extern "C" __global__ void __launch_bounds__(256) untangle_sweep_end(const GemmTapsParams p) {
  SweptOutput output;
  if (!find_output(p, output)) return;
  const int32_t at = offset_in(p.y, output);
  store(p.y.values, at, activate(p.activation, load(p.y.values, at), output.column));
}

}  // namespace gpu
}  // namespace untangle
