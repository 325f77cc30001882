// resize: separable resampling of x [N, H, W, C] with given indices and weights per axis.

#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

/// Without taps every output is the input at its place.
UNTANGLE_DEVICE uint32_t tap_count(const ResizeAxis& axis) {
  return axis.taps == 0 ? 1 : axis.taps;
}

UNTANGLE_DEVICE int32_t tap_index(const ResizeAxis& axis, uint32_t out, uint32_t tap) {
  return axis.taps == 0 ? static_cast<int32_t>(out) : axis.indices[out * axis.taps + tap];
}

UNTANGLE_DEVICE float tap_weight(const ResizeAxis& axis, uint32_t out, uint32_t tap) {
  return axis.taps == 0 ? 1.0f : axis.weights[out * axis.taps + tap];
}

extern "C" __global__ void __launch_bounds__(256) untangle_resize(const ResizeParams p) {
  const auto channels = static_cast<uint32_t>(p.y.channels);
  const auto width = static_cast<uint32_t>(p.y.width);
  const auto height = static_cast<uint32_t>(p.y.height);
  const uint32_t count = static_cast<uint32_t>(p.y.n) * height * width * channels;
  for (uint32_t i = thread_index(); i < count; i += thread_count()) {
    const auto c = static_cast<int32_t>(i % channels);
    const uint32_t ox = i / channels % width;
    const uint32_t oy = i / channels / width % height;
    const auto n = static_cast<int32_t>(i / channels / width / height);
    const int32_t image = n * p.x.stride_n + c * p.x.stride_c;
    float sum = 0.0f;
    for (uint32_t ty = 0; ty < tap_count(p.rows); ty++) {
      const int32_t row = image + tap_index(p.rows, oy, ty) * p.x.stride_y;
      const float weight = tap_weight(p.rows, oy, ty);
      for (uint32_t tx = 0; tx < tap_count(p.columns); tx++) {
        sum += load(p.x.values, row + tap_index(p.columns, ox, tx) * p.x.stride_x) *
               (weight * tap_weight(p.columns, ox, tx));
      }
    }
    store(
        p.y.values,
        pixel_offset(p.y, n, static_cast<int32_t>(oy), static_cast<int32_t>(ox)) + c * p.y.stride_c,
        sum);
  }
}

}  // namespace gpu
}  // namespace untangle
