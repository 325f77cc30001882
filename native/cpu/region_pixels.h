// Maps, and regions as lists of pixels.

#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "native/cpu/execution.h"

namespace untangle {

/// A map [N, H, W, C] with channel stride 1; strides in elements.
struct MapView {
  float* data = nullptr;  // null: there is none
  uint32_t n = 0;
  uint32_t height = 0;
  uint32_t width = 0;
  uint32_t channels = 0;
  int64_t stride_n = 0;
  int64_t stride_y = 0;
  int64_t stride_x = 0;

  bool contains(int64_t y, int64_t x) const { return y >= 0 && y < height && x >= 0 && x < width; }
  float* at(uint32_t image, int64_t y, int64_t x) const {
    return data + static_cast<int64_t>(image) * stride_n + y * stride_y + x * stride_x;
  }
};

/// The map of a view index, or none.
inline MapView resolve_map(const Execution& run, uint32_t index) {
  if (index == kNone) return {};
  const ResolvedView view = resolve(run, index);
  assert(view.rank == 4 && (view.strides[3] == 1 || view.dims[3] == 1));
  return {view.data,    view.dims[0],    view.dims[1],    view.dims[2],
          view.dims[3], view.strides[0], view.strides[1], view.strides[2]};
}

/// The first element of a flat view of constants, or null.
inline const float* resolve_constants(const Execution& run, uint32_t index) {
  return index == kNone ? nullptr : resolve(run, index).data;
}

/// An output pixel of a region: where it reads (before adding a tap) and where it writes.
struct RegionPixel {
  uint32_t image;
  int32_t in_y;
  int32_t in_x;
  int32_t out_y;
  int32_t out_x;
};

inline size_t count_pixels(const RegionRecord& region, const MapView& y) {
  return size_t{y.n} * region.count_y * region.count_x;
}

/// Pixels of a region that follow one another in a row: pixel `first` of those asked for is (qy,
/// qx) of an image.
struct RegionRun {
  size_t first;
  size_t count;
  uint32_t image;
  uint32_t qy;
  uint32_t qx;
};

/// Calls visit(run) for pixels [first, first + count) of a region, in order of image, row and
/// column.
template <typename F>
void for_each_run(const RegionRecord& region, size_t first, size_t count, F&& visit) {
  size_t row = first / region.count_x;
  size_t column = first % region.count_x;
  for (size_t done = 0; done < count; row++, column = 0) {
    const size_t length = std::min(count - done, region.count_x - column);
    visit(RegionRun{done, length, static_cast<uint32_t>(row / region.count_y),
                    static_cast<uint32_t>(row % region.count_y), static_cast<uint32_t>(column)});
    done += length;
  }
}

/// Lists pixels [first, first + count) of a region.
inline void list_pixels(const RegionRecord& region, size_t first, size_t count,
                        RegionPixel* pixels) {
  for_each_run(region, first, count, [&](const RegionRun& run) {
    for (uint32_t i = 0; i < run.count; i++) {
      const uint32_t qx = run.qx + i;
      pixels[run.first + i] = {run.image,
                               region.in_y + static_cast<int32_t>(run.qy * region.in_step_y),
                               region.in_x + static_cast<int32_t>(qx * region.in_step_x),
                               region.out_y + static_cast<int32_t>(run.qy * region.out_step_y),
                               region.out_x + static_cast<int32_t>(qx * region.out_step_x)};
    }
  });
}

/// What a tap of a pixel reads, `channel` floats into the pixel; null outside the map.
inline const float* tap_source(const MapView& x, const RegionPixel& pixel, const TapRecord& tap,
                               size_t channel) {
  const int64_t in_y = int64_t{pixel.in_y} + tap.dy;
  const int64_t in_x = int64_t{pixel.in_x} + tap.dx;
  return x.contains(in_y, in_x) ? x.at(pixel.image, in_y, in_x) + channel : nullptr;
}

/// Splits `total` into `parts` runs whose lengths differ by at most one; where run `part` starts.
inline size_t split_at(size_t total, size_t parts, size_t part) { return total * part / parts; }

inline size_t divide_up(size_t value, size_t by) { return (value + by - 1) / by; }

}  // namespace untangle
