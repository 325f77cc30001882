// pool: maximum or average over windows of x [N, H, W, C].

#include <limits>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"

namespace untangle {
namespace {

/// The part of one axis under the window of an output index.
struct Window {
  int64_t start;  // of kernel element 0; may be negative
  int64_t first;  // kernel elements [first, end) lie inside the input
  int64_t end;
  int64_t positions;  // kernel elements before the end of the padding
};

struct Axis {
  int64_t size, kernel, stride, dilation, pad_begin, pad_end;

  Window window(size_t out) const {
    const int64_t start = static_cast<int64_t>(out) * stride - pad_begin;
    // Elements whose position is below `limit`.
    const auto below = [&](int64_t limit) {
      return limit <= start ? 0 : std::min(kernel, (limit - start + dilation - 1) / dilation);
    };
    const int64_t end = below(size);
    return {start, std::min(below(0), end), end, below(size + pad_end)};
  }
};

struct Pooling {
  const Execution& run;
  ResolvedView x, y;
  Pool fn;
  Axis rows, columns;
  bool count_include_pad;
};

/// One output pixel; channels are contiguous on both sides.
void pool_pixel(const Pooling& pool, const float* image, const Window& wy, const Window& wx,
                float* out) {
  const OpKernels& kernels = pool.run.kernels.ops;
  const size_t channels = pool.x.dims[3];
  const bool is_empty = wy.first == wy.end || wx.first == wx.end;
  if (is_empty) {
    const float none = pool.fn == Pool::kMax ? -std::numeric_limits<float>::infinity() : 0.0f;
    kernels.fill(none, out, 1, channels);
  }
  bool is_first = true;
  for (int64_t ky = wy.first; ky < wy.end; ky++) {
    const float* row = image + (wy.start + ky * pool.rows.dilation) * pool.x.strides[1];
    for (int64_t kx = wx.first; kx < wx.end; kx++) {
      const float* pixel = row + (wx.start + kx * pool.columns.dilation) * pool.x.strides[2];
      if (is_first) {
        std::copy_n(pixel, channels, out);
      } else {
        kernels.pool_step(pool.fn, pixel, out, channels);
      }
      is_first = false;
    }
  }
  if (pool.fn == Pool::kAverage) {
    const int64_t count = pool.count_include_pad ? wy.positions * wx.positions
                                                 : (wy.end - wy.first) * (wx.end - wx.first);
    kernels.divide(static_cast<float>(count), out, channels);
  }
}

/// One output pixel, channel by channel.
void pool_pixel_strided(const Pooling& pool, const float* image, const Window& wy, const Window& wx,
                        float* out) {
  Pooling single = pool;
  const uint32_t dims[] = {pool.x.dims[0], pool.x.dims[1], pool.x.dims[2], 1};
  single.x.dims = dims;
  for (uint32_t c = 0; c < pool.x.dims[3]; c++) {
    pool_pixel(single, image + int64_t{c} * pool.x.strides[3], wy, wx,
               out + int64_t{c} * pool.y.strides[3]);
  }
}

}  // namespace

void run_pool(const PoolCommand& command, const Execution& run) {
  const ResolvedView x = resolve(run, command.x);
  const ResolvedView y = resolve(run, command.y);
  const Pooling pool{run,
                     x,
                     y,
                     static_cast<Pool>(command.fn),
                     {x.dims[1], command.kernel_y, command.stride_y, command.dilation_y,
                      command.pad_top, command.pad_bottom},
                     {x.dims[2], command.kernel_x, command.stride_x, command.dilation_x,
                      command.pad_left, command.pad_right},
                     command.count_include_pad != 0};
  const bool contiguous = x.dims[3] == 1 || (x.strides[3] == 1 && y.strides[3] == 1);
  const size_t rows = y.dims[1];
  const size_t window = size_t{command.kernel_y} * command.kernel_x;

  for_ranges(run, y.dims[0] * rows, size_t{y.dims[2]} * y.dims[3] * window,
             [&](size_t begin, size_t end, size_t) {
               for (size_t item = begin; item < end; item++) {
                 const int64_t n = static_cast<int64_t>(item / rows);
                 const size_t oy = item % rows;
                 const Window wy = pool.rows.window(oy);
                 for (size_t ox = 0; ox < y.dims[2]; ox++) {
                   float* out = y.data + n * y.strides[0] + int64_t(oy) * y.strides[1] +
                                int64_t(ox) * y.strides[2];
                   (contiguous ? pool_pixel : pool_pixel_strided)(pool, x.data + n * x.strides[0],
                                                                  wy, pool.columns.window(ox), out);
                 }
               }
             });
}

}  // namespace untangle
