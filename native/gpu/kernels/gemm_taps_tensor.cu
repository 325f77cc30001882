// gemmTaps on tensor cores, where less than f32 is allowed: products of TF32 or f16, sums in f32.
//
// The tiles, their places and the way through shared memory are those of gemm_taps.cu; a warp
// multiplies with mma.sync (PTX ISA, m16n8k8 and m16n8k16), whose fragments say which thread holds
// what: row g or g + 8 and columns 2t, 2t + 1 of a 16 x 8 sum, with g = lane / 4 and t = lane % 4.

#include "native/gpu/kernels/gemm_taps.cuh"
#include "native/gpu/kernels/mma.cuh"

namespace untangle {
namespace gpu {

/// A tile of Rows x Columns sums, WarpRows x WarpColumns of them made by each warp.
template <uint32_t Rows_, uint32_t Columns_, uint32_t WarpRows_, uint32_t WarpColumns_,
          uint32_t Gap>
struct TensorTile {
  static constexpr uint32_t kRows = Rows_;
  static constexpr uint32_t kColumns = Columns_;
  static constexpr uint32_t kWarpsX = Columns_ / WarpColumns_;
  static constexpr uint32_t kBlock = Rows_ / WarpRows_ * kWarpsX * 32;
  static constexpr uint32_t kTall = WarpRows_ / 16;  // products of a warp
  static constexpr uint32_t kWide = WarpColumns_ / 8;
  static constexpr uint32_t kWarpRows = WarpRows_;
  static constexpr uint32_t kWarpColumns = WarpColumns_;
  static constexpr uint32_t kRowQuads = (Rows_ * kDepthQuads + kBlock - 1) / kBlock;
  static constexpr uint32_t kColumnQuads = (Columns_ * kDepthQuads + kBlock - 1) / kBlock;
  // So far apart that the threads of a fragment meet in no bank.
  static constexpr uint32_t kLeftPitch = Rows_ + Gap;
  static constexpr uint32_t kRightPitch = Columns_ + Gap;
};

/// Rows 8 banks apart: a fragment takes rows t and t + 4.
template <uint32_t Rows, uint32_t Columns, uint32_t WarpRows, uint32_t WarpColumns>
struct Tf32Tile : TensorTile<Rows, Columns, WarpRows, WarpColumns, 8> {
  using Base = TensorTile<Rows, Columns, WarpRows, WarpColumns, 8>;

  static __device__ __forceinline__ float prepared(float value) { return to_tf32(value); }

  static __device__ __forceinline__ void multiply(const float (*left)[Base::kLeftPitch],
                                                  const float (*right)[Base::kRightPitch],
                                                  uint32_t row, uint32_t column, uint32_t g,
                                                  uint32_t t,
                                                  float (&sums)[Base::kTall][Base::kWide][4]) {
#pragma unroll
    for (uint32_t k = 0; k < kStepDepth; k += 8) {
      uint32_t b[Base::kWide][2];
#pragma unroll
      for (uint32_t j = 0; j < Base::kWide; j++) {
        b[j][0] = float_bits(right[k + t][column + j * 8 + g]);
        b[j][1] = float_bits(right[k + t + 4][column + j * 8 + g]);
      }
#pragma unroll
      for (uint32_t i = 0; i < Base::kTall; i++) {
        const uint32_t at = row + i * 16 + g;
        const uint32_t a[4] = {float_bits(left[k + t][at]), float_bits(left[k + t][at + 8]),
                               float_bits(left[k + t + 4][at]),
                               float_bits(left[k + t + 4][at + 8])};
#pragma unroll
        for (uint32_t j = 0; j < Base::kWide; j++) mma_tf32(sums[i][j], a, b[j]);
      }
    }
  }
};

/// Rows 4 banks apart: a fragment takes rows 2t and 2t + 1.
template <uint32_t Rows, uint32_t Columns, uint32_t WarpRows, uint32_t WarpColumns>
struct HalfTile : TensorTile<Rows, Columns, WarpRows, WarpColumns, 4> {
  using Base = TensorTile<Rows, Columns, WarpRows, WarpColumns, 4>;

  static __device__ __forceinline__ float prepared(float value) { return value; }

  static __device__ __forceinline__ void multiply(const float (*left)[Base::kLeftPitch],
                                                  const float (*right)[Base::kRightPitch],
                                                  uint32_t row, uint32_t column, uint32_t g,
                                                  uint32_t t,
                                                  float (&sums)[Base::kTall][Base::kWide][4]) {
    const uint32_t k = 2 * t;
    uint32_t b[Base::kWide][2];
#pragma unroll
    for (uint32_t j = 0; j < Base::kWide; j++) {
      const uint32_t at = column + j * 8 + g;
      b[j][0] = half_pair(right[k][at], right[k + 1][at]);
      b[j][1] = half_pair(right[k + 8][at], right[k + 9][at]);
    }
#pragma unroll
    for (uint32_t i = 0; i < Base::kTall; i++) {
      const uint32_t at = row + i * 16 + g;
      const uint32_t a[4] = {half_pair(left[k][at], left[k + 1][at]),
                             half_pair(left[k][at + 8], left[k + 1][at + 8]),
                             half_pair(left[k + 8][at], left[k + 9][at]),
                             half_pair(left[k + 8][at + 8], left[k + 9][at + 8])};
#pragma unroll
      for (uint32_t j = 0; j < Base::kWide; j++) mma_f16(sums[i][j], a, b[j]);
    }
  }
};

/// Two neighbouring sums of a tile: an output each, or their part of a split.
template <class T>
UNTANGLE_DEVICE void store_pair(const GemmTapsParams& p, const RegionRecord& region,
                                const Place& place, uint32_t row, uint32_t column,
                                const float* sums) {
  if (p.splits > 1) {
    float* partial = p.partial + (static_cast<uint64_t>(blockIdx.y) * p.blocks + blockIdx.x) *
                                     (T::kRows * T::kColumns);
    partial[row * T::kColumns + column] = sums[0];
    partial[row * T::kColumns + column + 1] = sums[1];
    return;
  }
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  if (place.row + row >= pixels) return;
  store_run<2>(p, region, place.group, place.row + row, place.column + column, sums);
}

/// Grid: x the tiles of all regions, y the splits.
template <class T>
UNTANGLE_DEVICE void gemm_taps_tensor(const GemmTapsParams& p) {
  __shared__ __align__(16) float left[2][kStepDepth][T::kLeftPitch];
  __shared__ __align__(16) float right[2][kStepDepth][T::kRightPitch];
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const Place place = locate_tile<T>(p, region, block);
  const StepRange steps = steps_of(p, region);
  const uint32_t warp = threadIdx.x / 32;
  const uint32_t row = warp / T::kWarpsX * T::kWarpRows;
  const uint32_t column = warp % T::kWarpsX * T::kWarpColumns;
  const uint32_t g = threadIdx.x % 32 / 4;
  const uint32_t t = threadIdx.x % 4;

  float sums[T::kTall][T::kWide][4] = {};
  if (steps.first < steps.last) {
    Loader<T> loader(p, region, place, steps.first);
    loader.read();
    loader.write(left[0], right[0]);
    __syncthreads();
    for (uint32_t step = steps.first; step < steps.last; step++) {
      const uint32_t buffer = (step - steps.first) % 2;
      const bool more = step + 1 < steps.last;
      if (more) loader.read();
      T::multiply(left[buffer], right[buffer], row, column, g, t, sums);
      if (more) loader.write(left[1 - buffer], right[1 - buffer]);
      __syncthreads();
    }
  }
#pragma unroll
  for (uint32_t i = 0; i < T::kTall; i++) {
#pragma unroll
    for (uint32_t j = 0; j < T::kWide; j++) {
      const uint32_t at = row + i * 16 + g;
      store_pair<T>(p, region, place, at, column + j * 8 + 2 * t, &sums[i][j][0]);
      store_pair<T>(p, region, place, at + 8, column + j * 8 + 2 * t, &sums[i][j][2]);
    }
  }
}

#define UNTANGLE_GEMM_TAPS_TENSOR(kind, Kind, rows, columns, warp_rows, warp_columns) \
  extern "C" __global__ void __launch_bounds__(                                       \
      Kind<rows, columns, warp_rows, warp_columns>::Base::kBlock, kBlocksEach)        \
      untangle_gemm_taps_##kind##_##rows##x##columns(const GemmTapsParams p) {        \
    gemm_taps_tensor<Kind<rows, columns, warp_rows, warp_columns>>(p);                \
  }

UNTANGLE_GEMM_TAPS_TENSOR(tf32, Tf32Tile, 128, 128, 64, 32)
UNTANGLE_GEMM_TAPS_TENSOR(tf32, Tf32Tile, 64, 64, 32, 32)
UNTANGLE_GEMM_TAPS_TENSOR(f16, HalfTile, 128, 128, 64, 32)
UNTANGLE_GEMM_TAPS_TENSOR(f16, HalfTile, 64, 64, 32, 32)

}  // namespace gpu
}  // namespace untangle
