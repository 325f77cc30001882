// pool: maximum or average over windows of x [N, H, W, C], one thread per output.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

/// The part of one axis under the window of an output index.
struct Window {
  int32_t start;       // of kernel element 0; may be negative
  int32_t first, end;  // kernel elements that lie inside the input
  int32_t positions;   // kernel elements before the end of the padding
};

/// Kernel elements whose position is below `limit`.
UNTANGLE_DEVICE int32_t elements_below(const PoolAxis& axis, int32_t start, int32_t limit) {
  if (limit <= start) return 0;
  const int32_t count = (limit - start + axis.dilation - 1) / axis.dilation;
  return count < axis.kernel ? count : axis.kernel;
}

UNTANGLE_DEVICE Window window_of(const PoolAxis& axis, int32_t out) {
  const int32_t start = out * axis.stride - axis.pad_begin;
  const int32_t end = elements_below(axis, start, axis.size);
  const int32_t first = elements_below(axis, start, 0);
  return {start, first < end ? first : end, end,
          elements_below(axis, start, axis.size + axis.pad_end)};
}

extern "C" __global__ void __launch_bounds__(256) untangle_pool(const PoolParams p) {
  const uint32_t count = static_cast<uint32_t>(p.y.n * p.y.height * p.y.width * p.y.channels);
  const bool averages = static_cast<Pool>(p.fn) == Pool::kAverage;
  for (uint32_t i = thread_index(); i < count; i += thread_count()) {
    const auto c = static_cast<int32_t>(i % p.y.channels);
    const auto ox = static_cast<int32_t>(i / p.y.channels % p.y.width);
    const auto oy = static_cast<int32_t>(i / p.y.channels / p.y.width % p.y.height);
    const auto n = static_cast<int32_t>(i / p.y.channels / p.y.width / p.y.height);
    const Window wy = window_of(p.rows, oy);
    const Window wx = window_of(p.columns, ox);
    const int32_t image = n * p.x.stride_n + c * p.x.stride_c;
    float result = averages ? 0.0f : bits_float(0xff800000u);
    for (int32_t ky = wy.first; ky < wy.end; ky++) {
      const int32_t row = image + (wy.start + ky * p.rows.dilation) * p.x.stride_y;
      for (int32_t kx = wx.first; kx < wx.end; kx++) {
        const float value =
            load(p.x.values, row + (wx.start + kx * p.columns.dilation) * p.x.stride_x);
        result = averages ? result + value : larger(result, value);
      }
    }
    if (averages) {
      const int32_t all = wy.positions * wx.positions;
      const int32_t inside = (wy.end - wy.first) * (wx.end - wx.first);
      result /= static_cast<float>(p.count_include_pad != 0 ? all : inside);
    }
    store(p.y.values, pixel_offset(p.y, n, oy, ox) + c * p.y.stride_c, result);
  }
}

}  // namespace gpu
}  // namespace untangle
