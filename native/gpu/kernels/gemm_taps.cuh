// What the forms of gemmTaps share: which tile a block makes, how x and the weights reach shared
// memory, and how sums become outputs.

#pragma once

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

constexpr uint32_t kQuad = 4;  // floats moved at a time
constexpr uint32_t kDepthQuads = kStepDepth / kQuad;

// Two blocks to a multiprocessor, so that one multiplies while the other waits: 128 registers for
// each of 256 threads.
constexpr uint32_t kBlocksEach = 2;

/// Which tile of which region a block makes.
struct Place {
  uint32_t group, row, column;  // first pixel and column
};

template <class T>
UNTANGLE_DEVICE Place locate_tile(const GemmTapsParams& p, const RegionRecord& region,
                                  uint32_t block) {
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  const uint32_t column_tiles = divided_up(p.columns, T::kColumns);
  const uint32_t row_tiles = divided_up(pixels, T::kRows);
  return {block / column_tiles / row_tiles, block / column_tiles % row_tiles * T::kRows,
          block % column_tiles * T::kColumns};
}

/// Finishes `Count` neighbouring sums of pixel `index` of a region: bias, residual, activation.
template <uint32_t Count>
UNTANGLE_DEVICE void store_run(const GemmTapsParams& p, const RegionRecord& region, uint32_t group,
                               uint32_t index, uint32_t column, const float* sums) {
  const Pixel pixel = locate_pixel(region, index);
  // Unrolled, as all loops over sums: what is found by a number known only later lies in memory.
#pragma unroll
  for (uint32_t j = 0; j < Count; j++) {
    const uint32_t at = column + j;
    if (at >= p.columns) continue;
    const uint32_t phase = at / p.group_outputs;
    const int32_t out_y = pixel.out_y + static_cast<int32_t>(phase / p.fused_x);
    const int32_t out_x = pixel.out_x + static_cast<int32_t>(phase % p.fused_x);
    if (!contains(p.y, out_y, out_x)) continue;
    const uint32_t padded = group * p.panels * kPanel + at;
    const auto channel = static_cast<int32_t>(group * p.group_outputs + at % p.group_outputs);
    float value = sums[j] + (p.bias == nullptr ? 0.0f : p.bias[padded]);
    if (has_values(p.residual.values)) {
      value +=
          load(p.residual.values, pixel_offset(p.residual, pixel.image, out_y, out_x) + channel);
    }
    store(p.y.values, pixel_offset(p.y, pixel.image, out_y, out_x) + channel,
          activate(p.activation, value, padded));
  }
}

/// Steps of a block: its split of a region's taps and channels.
struct StepRange {
  uint32_t first, last;
};

UNTANGLE_DEVICE StepRange steps_of(const GemmTapsParams& p, const RegionRecord& region) {
  const uint64_t steps =
      static_cast<uint64_t>(region.tap_count) * divided_up(region.kc, kStepDepth);
  return {static_cast<uint32_t>(steps * blockIdx.y / p.splits),
          static_cast<uint32_t>(steps * (blockIdx.y + 1) / p.splits)};
}

/// A pixel outside of x: views may begin behind their first element, never 2^31 before it.
constexpr int32_t kNowhere = static_cast<int32_t>(0x80000000u);

/// What a thread moves from x and from the weights to shared memory, step by step.
template <class T>
class Loader {
 public:
  __device__ __forceinline__ Loader(const GemmTapsParams& p, const RegionRecord& region,
                                    const Place& place, uint32_t step)
      : p_(p),
        tap_first_(region.tap_first),
        tap_count_(region.tap_count),
        kc_(region.kc),
        place_(place),
        chunks_(divided_up(region.kc, kStepDepth)),
        tap_(step / chunks_),
        chunk_(step % chunks_) {
    const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
#pragma unroll
    for (uint32_t i = 0; i < T::kRowQuads; i++) {
      const uint32_t row = place.row + (threadIdx.x + i * T::kBlock) / kDepthQuads;
      const bool is_there = row < pixels && threadIdx.x + i * T::kBlock < T::kRows * kDepthQuads;
      const Pixel pixel = locate_pixel(region, is_there ? row : 0);
      image_[i] = is_there ? pixel.image : -1;
      in_y_[i] = pixel.in_y;
      in_x_[i] = pixel.in_x;
    }
    find_sources();
  }

  /// Reads the next step into registers.
  __device__ __forceinline__ void read() {
    const uint32_t first = chunk_ * kStepDepth;
#pragma unroll
    for (uint32_t i = 0; i < T::kRowQuads; i++) {
      const uint32_t k = first + (threadIdx.x + i * T::kBlock) % kDepthQuads * kQuad;
      read_left(sources_[i], k, left_[i]);
    }
#pragma unroll
    for (uint32_t i = 0; i < T::kColumnQuads; i++) {
      const uint32_t at = threadIdx.x + i * T::kBlock;
      const uint32_t k = first + at / (T::kColumns / kQuad);
      read_right(k, at % (T::kColumns / kQuad) * kQuad, right_[i]);
    }
    if (++chunk_ < chunks_) return;
    chunk_ = 0;
    tap_++;
    find_sources();
  }

  /// Writes what was read.
  __device__ __forceinline__ void write(float (*left)[T::kLeftPitch],
                                        float (*right)[T::kRightPitch]) const {
#pragma unroll
    for (uint32_t i = 0; i < T::kRowQuads; i++) {
      const uint32_t at = threadIdx.x + i * T::kBlock;
      if (at >= T::kRows * kDepthQuads) continue;
#pragma unroll
      for (uint32_t j = 0; j < kQuad; j++) {
        left[at % kDepthQuads * kQuad + j][at / kDepthQuads] = T::prepared(left_[i][j]);
      }
    }
#pragma unroll
    for (uint32_t i = 0; i < T::kColumnQuads; i++) {
      const uint32_t at = threadIdx.x + i * T::kBlock;
      if (at >= T::kColumns * kDepthQuads) continue;
      float* to = &right[at / (T::kColumns / kQuad)][at % (T::kColumns / kQuad) * kQuad];
      *reinterpret_cast<float4*>(to) =
          make_float4(T::prepared(right_[i][0]), T::prepared(right_[i][1]),
                      T::prepared(right_[i][2]), T::prepared(right_[i][3]));
    }
  }

 private:
  /// Where the tap reads for each row; null outside x.
  __device__ __forceinline__ void find_sources() {
    if (tap_ >= tap_count_) return;
    const TapRecord tap = p_.table.taps[tap_first_ + tap_];
    tap_k_ = tap.k;
#pragma unroll
    for (uint32_t i = 0; i < T::kRowQuads; i++) {
      const int32_t y = in_y_[i] + tap.dy;
      const int32_t x = in_x_[i] + tap.dx;
      const bool is_inside = image_[i] >= 0 && contains(p_.x, y, x);
      sources_[i] = is_inside ? pixel_offset(p_.x, image_[i], y, x) +
                                    static_cast<int32_t>(place_.group * p_.group_inputs)
                              : kNowhere;
    }
  }

  __device__ __forceinline__ void read_left(int32_t source, uint32_t k, float* to) const {
    if (source != kNowhere && p_.vectors != 0 && k < kc_) {
      const float4 quad = load_quad(p_.x.values, source + static_cast<int32_t>(k));
      to[0] = quad.x;
      to[1] = quad.y;
      to[2] = quad.z;
      to[3] = quad.w;
      return;
    }
#pragma unroll
    for (uint32_t j = 0; j < kQuad; j++) {
      to[j] = source != kNowhere && k + j < kc_
                  ? load(p_.x.values, source + static_cast<int32_t>(k + j))
                  : 0.0f;
    }
  }

  __device__ __forceinline__ void read_right(uint32_t k, uint32_t column, float* to) const {
    const uint32_t at = place_.column + column;
    const uint32_t panel = at / kPanel;
    float4 quad = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (k < kc_ && panel < p_.panels) {
      const uint64_t row =
          static_cast<uint64_t>(place_.group * p_.panels + panel) * p_.k_total + tap_k_ + k;
      quad = load_quad(p_.weights, static_cast<int64_t>(row * kPanel + at % kPanel));
    }
    to[0] = quad.x;
    to[1] = quad.y;
    to[2] = quad.z;
    to[3] = quad.w;
  }

  const GemmTapsParams& p_;
  // Of the region: memory may change for all the compiler knows, these do not.
  const uint32_t tap_first_, tap_count_, kc_;
  const Place place_;
  const uint32_t chunks_;  // steps of a tap
  uint32_t tap_, chunk_;
  uint32_t tap_k_ = 0;
  int32_t image_[T::kRowQuads], in_y_[T::kRowQuads], in_x_[T::kRowQuads];
  int32_t sources_[T::kRowQuads];  // first channel of each pixel in x
  float left_[T::kRowQuads][kQuad];
  float right_[T::kColumnQuads][kQuad];
};

/// Where a block leaves the sums of its split, [rows][columns] of the tile.
template <class T>
UNTANGLE_DEVICE float* partial_tile(const GemmTapsParams& p) {
  return p.partial +
         (static_cast<uint64_t>(blockIdx.y) * p.blocks + blockIdx.x) * (T::kRows * T::kColumns);
}

/// A block's tile, through two buffers in shared memory: while one is multiplied the other is
/// filled. T::Sums has a thread's part of it: multiply() adds the products of a step, store() makes
/// outputs or a split of them.
///
/// Grid: x the tiles of all regions, y the splits.
template <class T>
UNTANGLE_DEVICE void gemm_taps(const GemmTapsParams& p) {
  __shared__ __align__(16) float left[2][kStepDepth][T::kLeftPitch];
  __shared__ __align__(16) float right[2][kStepDepth][T::kRightPitch];
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const Place place = locate_tile<T>(p, region, block);
  const StepRange steps = steps_of(p, region);
  typename T::Sums sums;
  if (steps.first < steps.last) {
    Loader<T> loader(p, region, place, steps.first);
    loader.read();
    loader.write(left[0], right[0]);
    __syncthreads();
    for (uint32_t step = steps.first; step < steps.last; step++) {
      const uint32_t buffer = (step - steps.first) % 2;
      const bool more = step + 1 < steps.last;
      if (more) loader.read();
      sums.multiply(left[buffer], right[buffer]);
      if (more) loader.write(left[1 - buffer], right[1 - buffer]);
      __syncthreads();
    }
  }
  sums.store(p, region, place);
}

}  // namespace gpu
}  // namespace untangle
