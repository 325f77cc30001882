// The second half of a transposed convolution as libraries without an implicit GEMM do it (Caffe,
// PyTorch's slow_conv_transpose2d): sums up the columns that a product left behind. For
// measurements only (native/bench); no program launches it.

#include "native/gpu/kernels/scalar.cuh"

namespace untangle {
namespace gpu {

/// Which input a tap reads for an output along one axis, or -1.
UNTANGLE_DEVICE int32_t col2im_source(int32_t at, uint32_t tap, const Col2imParams& p,
                                      uint32_t size) {
  const int32_t from = at - static_cast<int32_t>(tap * p.dilation);
  const auto stride = static_cast<int32_t>(p.stride);
  const int32_t index = from / stride;
  return from >= 0 && index * stride == from && index < static_cast<int32_t>(size) ? index : -1;
}

/// One thread per output [n][y][x][channel], which gathers its sum: no atomics.
extern "C" __global__ void __launch_bounds__(256) untangle_col2im(const Col2imParams p) {
  const uint32_t channels = p.groups * p.group_outputs;
  const uint32_t row = p.groups * p.kernel * p.kernel * p.group_outputs;  // of columns
  const uint32_t count = p.batch * p.out_height * p.out_width * channels;
  for (uint32_t i = thread_index(); i < count; i += thread_count()) {
    const uint32_t channel = i % channels;
    const uint32_t pixel = i / channels;
    const auto x = static_cast<int32_t>(pixel % p.out_width + p.pad);
    const auto y = static_cast<int32_t>(pixel / p.out_width % p.out_height + p.pad);
    const uint32_t image = pixel / p.out_width / p.out_height;
    const uint32_t group = channel / p.group_outputs;
    float sum = p.bias[channel];
    for (uint32_t ky = 0; ky < p.kernel; ky++) {
      const int32_t in_y = col2im_source(y, ky, p, p.height);
      if (in_y < 0) continue;
      for (uint32_t kx = 0; kx < p.kernel; kx++) {
        const int32_t in_x = col2im_source(x, kx, p, p.width);
        if (in_x < 0) continue;
        const uint64_t from =
            (static_cast<uint64_t>(image) * p.height + static_cast<uint32_t>(in_y)) * p.width +
            static_cast<uint32_t>(in_x);
        const uint32_t tap = ky * p.kernel + kx;
        sum += p.columns[from * row + (group * p.kernel * p.kernel + tap) * p.group_outputs +
                         channel % p.group_outputs];
      }
    }
    p.y[i] = activate(p.activation, sum, channel);
  }
}

}  // namespace gpu
}  // namespace untangle
