// resize: separable resampling of x [N, H, W, C] with given indices and weights per axis.

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"

namespace untangle {
namespace {

/// Taps of one axis; without taps every output is the input at its place.
struct Axis {
  size_t taps;
  const int32_t* indices;
  const float* weights;

  size_t count() const { return taps == 0 ? 1 : taps; }
  int64_t index(size_t out, size_t tap) const {
    return taps == 0 ? static_cast<int64_t>(out) : indices[out * taps + tap];
  }
  float weight(size_t out, size_t tap) const {
    return taps == 0 ? 1.0f : weights[out * taps + tap];
  }
};

Axis make_axis(const Execution& run, uint32_t taps, uint32_t index_first, uint32_t weights_view) {
  if (taps == 0) return {0, nullptr, nullptr};
  return {taps, run.program.indices.data() + index_first, resolve(run, weights_view).data};
}

struct Resampling {
  const Execution& run;
  ResolvedView x, y;
  Axis rows, columns;
};

/// Output pixel (oy, ox) of one image, over `channels` contiguous channels.
void resize_pixel(const Resampling& resize, const float* image, size_t oy, size_t ox, float* out,
                  size_t channels) {
  const float* pixels[kMaxBlendTaps];
  float weights[kMaxBlendTaps];
  size_t used = 0;
  bool accumulate = false;
  const auto flush = [&] {
    resize.run.kernels.ops.blend(pixels, weights, used, accumulate, out, channels);
    accumulate = true;
    used = 0;
  };
  for (size_t ty = 0; ty < resize.rows.count(); ty++) {
    const float* row = image + resize.rows.index(oy, ty) * resize.x.strides[1];
    for (size_t tx = 0; tx < resize.columns.count(); tx++) {
      if (used == kMaxBlendTaps) flush();
      pixels[used] = row + resize.columns.index(ox, tx) * resize.x.strides[2];
      weights[used++] = resize.rows.weight(oy, ty) * resize.columns.weight(ox, tx);
    }
  }
  flush();
}

/// Whether rows of the input can be blended as a whole, and then their pixels: fewer products where
/// every output row reads most of the input's columns.
bool is_separable(const Resampling& resize) {
  const ResolvedView& x = resize.x;
  const size_t channels = x.dims[3];
  const bool is_dense = (channels == 1 || (x.strides[3] == 1 && resize.y.strides[3] == 1)) &&
                        (x.dims[2] == 1 || x.strides[2] == static_cast<int64_t>(channels));
  return is_dense && resize.columns.taps > 0 && x.dims[2] * channels <= kWorkspaceFloats &&
         x.dims[2] <= resize.y.dims[2] * resize.columns.taps;
}

/// An output row: the input's rows above one another, into `buffer` unless it is only one, then
/// side by side.
void resize_row(const Resampling& resize, const float* image, size_t oy, float* out,
                float* buffer) {
  const OpKernels& kernels = resize.run.kernels.ops;
  const ResolvedView& x = resize.x;
  const size_t channels = x.dims[3];
  const float* row = image + resize.rows.index(oy, 0) * x.strides[1];
  if (resize.rows.count() > 1 || resize.rows.weight(oy, 0) != 1.0f) {
    for (size_t first = 0; first < resize.rows.count(); first += kMaxBlendTaps) {
      const float* rows[kMaxBlendTaps];
      float weights[kMaxBlendTaps];
      const size_t taps = std::min(kMaxBlendTaps, resize.rows.count() - first);
      for (size_t tap = 0; tap < taps; tap++) {
        rows[tap] = image + resize.rows.index(oy, first + tap) * x.strides[1];
        weights[tap] = resize.rows.weight(oy, first + tap);
      }
      kernels.blend(rows, weights, taps, first > 0, buffer, x.dims[2] * channels);
    }
    row = buffer;
  }
  kernels.blend_pixels(row, resize.columns.indices, resize.columns.weights, resize.columns.taps,
                       out, resize.y.strides[2], resize.y.dims[2], channels);
}

}  // namespace

void run_resize(const ResizeCommand& command, const Execution& run) {
  const Resampling resize{
      run, resolve(run, command.x), resolve(run, command.y),
      make_axis(run, command.taps_y, command.index_y_first, command.weights_y_view),
      make_axis(run, command.taps_x, command.index_x_first, command.weights_x_view)};
  const ResolvedView& x = resize.x;
  const ResolvedView& y = resize.y;
  const size_t channels = y.dims[3];
  const bool contiguous = channels == 1 || (x.strides[3] == 1 && y.strides[3] == 1);
  const size_t runs = contiguous ? 1 : channels;  // of contiguous channels
  const bool separable = is_separable(resize);
  const size_t taps = resize.rows.count() * resize.columns.count();

  for_ranges(run, size_t{y.dims[0]} * y.dims[1], y.dims[2] * channels * taps,
             [&](size_t begin, size_t end, size_t thread) {
               for (size_t item = begin; item < end; item++) {
                 const int64_t n = static_cast<int64_t>(item / y.dims[1]);
                 const size_t oy = item % y.dims[1];
                 const float* image = x.data + n * x.strides[0];
                 float* row = y.data + n * y.strides[0] + int64_t(oy) * y.strides[1];
                 if (separable) {
                   resize_row(resize, image, oy, row, workspace(run, thread));
                   continue;
                 }
                 for (size_t ox = 0; ox < y.dims[2]; ox++) {
                   for (size_t c = 0; c < runs; c++) {
                     resize_pixel(resize, image + int64_t(c) * x.strides[3], oy, ox,
                                  row + int64_t(ox) * y.strides[2] + int64_t(c) * y.strides[3],
                                  channels / runs);
                   }
                 }
               }
             });
}

}  // namespace untangle
