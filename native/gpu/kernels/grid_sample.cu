// gridSample: x [N, D, H, W, C] read at the positions of a grid, one thread per output.
//
// The grid is computed by the run and may hold anything: every position is brought close to the
// input before it becomes an index, and every index into it before it is used.

#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

/// Nothing further outside than this is read; the widest filter reaches two pixels.
constexpr float kReach = 4.0f;

constexpr uint32_t kMaxAxisTaps = 4;

/// What one axis contributes to an output: offsets into x and weights.
struct AxisTaps {
  uint32_t count;
  int32_t offsets[kMaxAxisTaps];
  float weights[kMaxAxisTaps];
};

/// One axis of the input.
struct SampledAxis {
  GridMode mode;
  GridPadding padding;
  bool align_corners;
  int32_t size, stride;
};

UNTANGLE_DEVICE float low_of(const SampledAxis& axis) { return axis.align_corners ? 0.0f : -0.5f; }

UNTANGLE_DEVICE float high_of(const SampledAxis& axis) {
  return axis.align_corners ? static_cast<float>(axis.size - 1)
                            : static_cast<float>(axis.size) - 0.5f;
}

/// Mirrors a position at both bounds until it lies between them.
UNTANGLE_DEVICE float reflected(const SampledAxis& axis, float at) {
  const float low = low_of(axis);
  const float high = high_of(axis);
  const float range = high - low;
  if (range == 0.0f) return low;
  const float beyond = at < low ? low - at : at > high ? at - high : 0.0f;
  if (beyond == 0.0f) return at;
  const float turns = floorf(beyond / range);
  const float rest = beyond - turns * range;
  const bool is_even = fmodf(turns, 2.0f) == 0.0f;
  return (at < low) == is_even ? low + rest : high - rest;
}

/// A position in or close to the input; NaN becomes the lower bound.
UNTANGLE_DEVICE float contained(const SampledAxis& axis, float at) {
  if (at < low_of(axis) || at > high_of(axis)) {
    if (axis.padding == GridPadding::kBorder) {
      const float last = static_cast<float>(axis.size - 1);
      at = at < 0.0f ? 0.0f : at;
      at = at > last ? last : at;
    }
    if (axis.padding == GridPadding::kReflection) at = reflected(axis, at);
  }
  const float end = static_cast<float>(axis.size) + kReach;
  if (!(at >= -kReach)) return -kReach;
  return at < end ? at : end;
}

UNTANGLE_DEVICE void add_tap(const SampledAxis& axis, AxisTaps& taps, int32_t index, float weight) {
  if (index < 0 || index >= axis.size) {
    if (axis.padding == GridPadding::kZeros) return;
    if (axis.padding == GridPadding::kReflection) {
      index = static_cast<int32_t>(reflected(axis, static_cast<float>(index)));
    }
    index = index < 0 ? 0 : index;
    index = index < axis.size ? index : axis.size - 1;
  }
  taps.offsets[taps.count] = index * axis.stride;
  taps.weights[taps.count++] = weight;
}

/// Keys' cubic convolution (1981), equation (4), with a = -0.75.
UNTANGLE_DEVICE float cubic_weight(float d) {
  constexpr float a = -0.75f;
  return d < 1.0f ? ((a + 2.0f) * d - (a + 3.0f)) * d * d + 1.0f
                  : ((a * d - 5.0f * a) * d + 8.0f * a) * d - 4.0f * a;
}

UNTANGLE_DEVICE AxisTaps taps_of(const SampledAxis& axis, float coordinate) {
  const float extent = static_cast<float>(axis.align_corners ? axis.size - 1 : axis.size);
  const float scaled = axis.align_corners ? (coordinate + 1.0f) / 2.0f * extent
                                          : ((coordinate + 1.0f) * extent - 1.0f) / 2.0f;
  AxisTaps taps;
  taps.count = 0;
  if (axis.mode == GridMode::kNearest) {
    add_tap(axis, taps, static_cast<int32_t>(contained(axis, rintf(scaled))), 1.0f);
    return taps;
  }
  const float at = contained(axis, scaled);
  const float floor = floorf(at);
  const auto index = static_cast<int32_t>(floor);
  const float s = at - floor;
  if (axis.mode == GridMode::kLinear) {
    add_tap(axis, taps, index, 1.0f - s);
    add_tap(axis, taps, index + 1, s);
    return taps;
  }
  add_tap(axis, taps, index - 1, cubic_weight(1.0f + s));
  add_tap(axis, taps, index, cubic_weight(s));
  add_tap(axis, taps, index + 1, cubic_weight(1.0f - s));
  add_tap(axis, taps, index + 2, cubic_weight(2.0f - s));
  return taps;
}

UNTANGLE_DEVICE SampledAxis axis_of(const GridSampleParams& p, uint32_t axis) {
  return {static_cast<GridMode>(p.mode), static_cast<GridPadding>(p.padding), p.align_corners != 0,
          p.sizes[axis], p.x_strides[1 + axis]};
}

extern "C" __global__ void __launch_bounds__(256) untangle_grid_sample(const GridSampleParams p) {
  const uint32_t count = p.dims[0] * p.dims[1] * p.dims[2] * p.dims[3] * p.dims[4];
  for (uint32_t i = thread_index(); i < count; i += thread_count()) {
    int32_t at[5];
    uint32_t rest = i;
#pragma unroll
    for (int32_t d = 4; d >= 0; d--) {
      at[d] = static_cast<int32_t>(rest % p.dims[d]);
      rest /= p.dims[d];
    }
    int32_t position = 0;
    int32_t y = 0;
    for (uint32_t d = 0; d < 5; d++) y += at[d] * p.y_strides[d];
    for (uint32_t d = 0; d < 4; d++) position += at[d] * p.grid_strides[d];
    const int32_t image = at[0] * p.x_strides[0] + at[4] * p.x_strides[4];

    const int32_t step = p.grid_strides[4];
    const AxisTaps tx = taps_of(axis_of(p, 2), load(p.grid, position));
    const AxisTaps ty = taps_of(axis_of(p, 1), load(p.grid, position + step));
    AxisTaps tz;
    tz.count = 0;
    if (p.coordinates == 3) {
      tz = taps_of(axis_of(p, 0), load(p.grid, position + 2 * step));
    } else {
      add_tap(axis_of(p, 0), tz, 0, 1.0f);
    }
    float sum = 0.0f;
    for (uint32_t z = 0; z < tz.count; z++) {
      for (uint32_t r = 0; r < ty.count; r++) {
        for (uint32_t c = 0; c < tx.count; c++) {
          sum += load(p.x, image + tz.offsets[z] + ty.offsets[r] + tx.offsets[c]) *
                 (tx.weights[c] * ty.weights[r] * tz.weights[z]);
        }
      }
    }
    store(p.y, y, sum);
  }
}

}  // namespace gpu
}  // namespace untangle
