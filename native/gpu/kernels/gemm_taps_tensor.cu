// gemmTaps on tensor cores, where less than f32 is allowed: products of TF32 or f16, sums in f32.
//
// The tiles, their places and the way through shared memory are those of gemm_taps.cu; a warp
// multiplies with mma.sync (PTX ISA, m16n8k8 and m16n8k16), whose fragments say which thread holds
// what: row g or g + 8 and columns 2t, 2t + 1 of a 16 x 8 sum, with g = lane / 4 and t = lane % 4.

#include "native/gpu/kernels/gemm_taps.cuh"
#include "native/gpu/kernels/mma.cuh"

namespace untangle {
namespace gpu {

template <class T>
class TensorSums;

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
  using Sums = TensorSums<Tf32Tile>;

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
  using Sums = TensorSums<HalfTile>;

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
    float* partial = partial_tile<T>(p);
    partial[row * T::kColumns + column] = sums[0];
    partial[row * T::kColumns + column + 1] = sums[1];
    return;
  }
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  if (place.row + row >= pixels) return;
  store_run<2>(p, region, place.group, place.row + row, place.column + column, sums);
}

/// Every thread's part of its warp's fragments.
template <class T>
class TensorSums {
 public:
  __device__ __forceinline__ TensorSums()
      : row_(threadIdx.x / 32 / T::kWarpsX * T::kWarpRows),
        column_(threadIdx.x / 32 % T::kWarpsX * T::kWarpColumns),
        g_(threadIdx.x % 32 / 4),
        t_(threadIdx.x % 4) {}

  /// Adds left x right over kStepDepth.
  __device__ __forceinline__ void multiply(const float (*left)[T::kLeftPitch],
                                           const float (*right)[T::kRightPitch]) {
    T::multiply(left, right, row_, column_, g_, t_, sums_);
  }

  __device__ __forceinline__ void store(const GemmTapsParams& p, const RegionRecord& region,
                                        const Place& place) const {
#pragma unroll
    for (uint32_t i = 0; i < T::kTall; i++) {
#pragma unroll
      for (uint32_t j = 0; j < T::kWide; j++) {
        const uint32_t row = row_ + i * 16 + g_;
        const uint32_t column = column_ + j * 8 + 2 * t_;
        store_pair<T>(p, region, place, row, column, &sums_[i][j][0]);
        store_pair<T>(p, region, place, row + 8, column, &sums_[i][j][2]);
      }
    }
  }

 private:
  const uint32_t row_, column_;  // of the warp
  const uint32_t g_, t_;         // of the thread in a fragment
  float sums_[T::kTall][T::kWide][4] = {};
};

#define UNTANGLE_GEMM_TAPS_TENSOR(kind, Kind, rows, columns, warp_rows, warp_columns) \
  extern "C" __global__ void __launch_bounds__(                                       \
      Kind<rows, columns, warp_rows, warp_columns>::Base::kBlock, kBlocksEach)        \
      untangle_gemm_taps_##kind##_##rows##x##columns(const GemmTapsParams p) {        \
    gemm_taps<Kind<rows, columns, warp_rows, warp_columns>>(p);                       \
  }

UNTANGLE_GEMM_TAPS_TENSOR(tf32, Tf32Tile, 128, 128, 64, 32)
UNTANGLE_GEMM_TAPS_TENSOR(tf32, Tf32Tile, 64, 64, 32, 32)
UNTANGLE_GEMM_TAPS_TENSOR(f16, HalfTile, 128, 128, 64, 32)
UNTANGLE_GEMM_TAPS_TENSOR(f16, HalfTile, 64, 64, 32, 32)

}  // namespace gpu
}  // namespace untangle
