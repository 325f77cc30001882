// gridSample: x [N, D, H, W, C] read at the positions of a grid.
//
// The grid is computed at run time and may hold anything: every position is brought close to the
// input before it becomes an index, and every index into it before it is used.

#include <cmath>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"

namespace untangle {
namespace {

/// Nothing further outside than this is read; the widest filter reaches two pixels.
constexpr float kReach = 4.0f;

constexpr size_t kMaxAxisTaps = 4;

/// What one axis contributes to an output: offsets into x and weights.
struct AxisTaps {
  size_t count = 0;
  int64_t offsets[kMaxAxisTaps];
  float weights[kMaxAxisTaps];
};

/// One axis of the input.
struct Axis {
  GridMode mode;
  GridPadding padding;
  bool align_corners;
  int64_t size;
  int64_t stride;

  float low() const { return align_corners ? 0.0f : -0.5f; }
  float high() const {
    return align_corners ? static_cast<float>(size - 1) : static_cast<float>(size) - 0.5f;
  }

  /// Mirrors a position at both bounds until it lies between them.
  float reflect(float at) const {
    const float range = high() - low();
    if (range == 0.0f) return low();
    const float beyond = at < low() ? low() - at : at > high() ? at - high() : 0.0f;
    if (beyond == 0.0f) return at;
    const float turns = std::floor(beyond / range);
    const float rest = beyond - turns * range;
    const bool is_even = std::fmod(turns, 2.0f) == 0.0f;
    return (at < low()) == is_even ? low() + rest : high() - rest;
  }

  /// A position in or close to the input; NaN becomes the lower bound.
  float contain(float at) const {
    if (at < low() || at > high()) {
      if (padding == GridPadding::kBorder) {
        at = std::min(std::max(at, 0.0f), static_cast<float>(size - 1));
      }
      if (padding == GridPadding::kReflection) at = reflect(at);
    }
    return at >= -kReach ? std::min(at, static_cast<float>(size) + kReach) : -kReach;
  }

  void add(AxisTaps& taps, int64_t index, float weight) const {
    if (index < 0 || index >= size) {
      if (padding == GridPadding::kZeros) return;
      if (padding == GridPadding::kReflection) {
        index = static_cast<int64_t>(reflect(static_cast<float>(index)));
      }
      index = std::min(std::max<int64_t>(index, 0), size - 1);
    }
    taps.offsets[taps.count] = index * stride;
    taps.weights[taps.count++] = weight;
  }

  AxisTaps taps(float coordinate) const {
    const float extent = static_cast<float>(align_corners ? size - 1 : size);
    const float scaled = align_corners ? (coordinate + 1.0f) / 2.0f * extent
                                       : ((coordinate + 1.0f) * extent - 1.0f) / 2.0f;
    AxisTaps taps;
    if (mode == GridMode::kNearest) {
      add(taps, static_cast<int64_t>(contain(std::nearbyint(scaled))), 1.0f);
      return taps;
    }
    const float at = contain(scaled);
    const float floor = std::floor(at);
    const int64_t index = static_cast<int64_t>(floor);
    const float s = at - floor;
    if (mode == GridMode::kLinear) {
      add(taps, index, 1.0f - s);
      add(taps, index + 1, s);
      return taps;
    }
    const float distances[] = {1.0f + s, s, 1.0f - s, 2.0f - s};
    for (int64_t i = 0; i < 4; i++) add(taps, index - 1 + i, cubic_weight(distances[i]));
    return taps;
  }

  /// Keys' cubic convolution (1981), equation (4), with a = -0.75.
  static float cubic_weight(float d) {
    constexpr float a = -0.75f;
    return d < 1.0f ? ((a + 2.0f) * d - (a + 3.0f)) * d * d + 1.0f
                    : ((a * d - 5.0f * a) * d + 8.0f * a) * d - 4.0f * a;
  }
};

struct Sampling {
  const Execution& run;
  ResolvedView x, y, grid;
  Axis depth, rows, columns;
  bool contiguous;

  /// One output pixel; `image` is its image of x.
  void pixel(const float* image, const float* position, float* out) const {
    const int64_t step = grid.strides[4];
    const AxisTaps tx = columns.taps(position[0]);
    const AxisTaps ty = rows.taps(position[step]);
    AxisTaps tz;
    if (grid.dims[4] == 3) {
      tz = depth.taps(position[2 * step]);
    } else {
      depth.add(tz, 0, 1.0f);
    }

    // Never more than 16: four by four on the plane, two by two by two in space.
    const float* pixels[kMaxBlendTaps];
    float weights[kMaxBlendTaps];
    size_t used = 0;
    for (size_t z = 0; z < tz.count; z++) {
      for (size_t r = 0; r < ty.count; r++) {
        for (size_t c = 0; c < tx.count; c++) {
          pixels[used] = image + tz.offsets[z] + ty.offsets[r] + tx.offsets[c];
          weights[used++] = tx.weights[c] * ty.weights[r] * tz.weights[z];
        }
      }
    }
    write(pixels, weights, used, out);
  }

  void write(const float** pixels, const float* weights, size_t used, float* out) const {
    const OpKernels& kernels = run.kernels.ops;
    const size_t channels = y.dims[4];
    if (used == 0) return kernels.fill(0.0f, out, y.strides[4], channels);
    if (contiguous) return kernels.blend(pixels, weights, used, false, out, channels);
    for (size_t c = 0; c < channels; c++) {
      kernels.blend(pixels, weights, used, false, out, 1);
      for (size_t t = 0; t < used; t++) pixels[t] += x.strides[4];
      out += y.strides[4];
    }
  }
};

}  // namespace

void run_grid_sample(const GridSampleCommand& command, const Execution& run) {
  const ResolvedView x = resolve(run, command.x);
  const ResolvedView y = resolve(run, command.y);
  const ResolvedView grid = resolve(run, command.grid_view);
  const auto axis = [&](size_t dim) {
    return Axis{static_cast<GridMode>(command.mode), static_cast<GridPadding>(command.padding),
                command.align_corners != 0, x.dims[dim], x.strides[dim]};
  };
  const bool contiguous = y.dims[4] == 1 || (x.strides[4] == 1 && y.strides[4] == 1);
  const Sampling sampling{run, x, y, grid, axis(1), axis(2), axis(3), contiguous};
  const size_t taps = command.mode == static_cast<uint32_t>(GridMode::kNearest) ? 1 : 8;
  const size_t rows = y.dims[2];
  const size_t planes = size_t{y.dims[1]} * rows;

  for_ranges(run, y.dims[0] * planes, size_t{y.dims[3]} * y.dims[4] * taps,
             [&](size_t begin, size_t end, size_t) {
               for (size_t item = begin; item < end; item++) {
                 const int64_t n = static_cast<int64_t>(item / planes);
                 const int64_t oz = static_cast<int64_t>(item % planes / rows);
                 const int64_t oy = static_cast<int64_t>(item % rows);
                 const float* image = x.data + n * x.strides[0];
                 const float* position =
                     grid.data + n * grid.strides[0] + oz * grid.strides[1] + oy * grid.strides[2];
                 float* out = y.data + n * y.strides[0] + oz * y.strides[1] + oy * y.strides[2];
                 for (size_t ox = 0; ox < y.dims[3]; ox++) {
                   sampling.pixel(image, position, out);
                   position += grid.strides[3];
                   out += y.strides[3];
                 }
               }
             });
}

}  // namespace untangle
