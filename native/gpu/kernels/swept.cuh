// The outputs of gemmTaps whose products are cuBLAS's: one thread each.

#pragma once

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

}  // namespace gpu
}  // namespace untangle
