// What every kernel needs: places in views, regions and tiles of them. C++14, no headers of the
// host.

#pragma once

#ifdef UNTANGLE_GPU_EMULATOR
#include "native/gpu/emulator/device.h"
#endif

#include "native/gpu/kernels/params.h"

#define UNTANGLE_DEVICE static __device__ __forceinline__

namespace untangle {
namespace gpu {

UNTANGLE_DEVICE uint32_t thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
UNTANGLE_DEVICE uint32_t thread_count() { return gridDim.x * blockDim.x; }
UNTANGLE_DEVICE uint32_t lesser(uint32_t a, uint32_t b) { return a < b ? a : b; }
UNTANGLE_DEVICE uint32_t divided_up(uint32_t value, uint32_t by) { return (value + by - 1) / by; }

/// Offsets of element `index` of a nest in its first `Views` views.
template <uint32_t Views>
UNTANGLE_DEVICE void locate(const Nest& nest, uint32_t index, int32_t (&offsets)[Views]) {
  for (uint32_t v = 0; v < Views; v++) offsets[v] = 0;
#pragma unroll
  for (int32_t d = kNestRank - 1; d >= 0; d--) {
    if (d >= static_cast<int32_t>(nest.rank)) continue;
    const uint32_t rest = index / nest.dims[d];
    const int32_t at = static_cast<int32_t>(index - rest * nest.dims[d]);
    for (uint32_t v = 0; v < Views; v++) offsets[v] += at * nest.strides[v][d];
    index = rest;
  }
}

UNTANGLE_DEVICE bool contains(const Map& map, int32_t y, int32_t x) {
  return y >= 0 && y < map.height && x >= 0 && x < map.width;
}

UNTANGLE_DEVICE int32_t pixel_offset(const Map& map, int32_t image, int32_t y, int32_t x) {
  return image * map.stride_n + y * map.stride_y + x * map.stride_x;
}

/// An output pixel of a region: where it reads, before a tap is added, and where it writes.
struct Pixel {
  int32_t image, in_y, in_x, out_y, out_x;
};

/// Pixel `index` of a region, in order of image, row and column.
UNTANGLE_DEVICE Pixel locate_pixel(const RegionRecord& region, uint32_t index) {
  const uint32_t row = index / region.count_x;
  const auto qx = static_cast<int32_t>(index - row * region.count_x);
  const uint32_t image = row / region.count_y;
  const auto qy = static_cast<int32_t>(row - image * region.count_y);
  return {static_cast<int32_t>(image), region.in_y + qy * static_cast<int32_t>(region.in_step_y),
          region.in_x + qx * static_cast<int32_t>(region.in_step_x),
          region.out_y + qy * static_cast<int32_t>(region.out_step_y),
          region.out_x + qx * static_cast<int32_t>(region.out_step_x)};
}

/// The region that a block belongs to; `block` becomes its number within.
UNTANGLE_DEVICE uint32_t find_region(const RegionTable& table, uint32_t& block) {
  uint32_t low = 0;
  uint32_t high = table.count;  // starts[low] <= block < starts[high]
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    if (table.starts[middle] <= block) {
      low = middle;
    } else {
      high = middle;
    }
  }
  block -= table.starts[low];
  return low;
}

}  // namespace gpu
}  // namespace untangle
