// gemmTaps: all regions of a convolution (phases, borders) in one launch, as a tiled implicit GEMM.
//
// Rows are the pixels of a region, columns its output channels (times fused phases), and the sum
// goes over taps and channels, kStepDepth at a time (gemm_taps.cuh). No upsampled map, no columns
// of patches, no atomics: an output is one chain of FMAs, or `splits` of them added in order (UKS
// with exact sizes; untangling.md 1.5).

#include "native/gpu/kernels/gemm_taps.cuh"

namespace untangle {
namespace gpu {

template <class T>
class FmaSums;

/// A tile of Rows x Columns sums; every thread has Tall x Wide of them.
template <uint32_t Rows_, uint32_t Columns_, uint32_t Tall_, uint32_t Wide_>
struct Tile {
  using Sums = FmaSums<Tile>;
  static constexpr uint32_t kRows = Rows_;
  static constexpr uint32_t kColumns = Columns_;
  static constexpr uint32_t kTall = Tall_;
  static constexpr uint32_t kWide = Wide_;
  static constexpr uint32_t kThreadsX = Columns_ / Wide_;
  static constexpr uint32_t kBlock = Rows_ / Tall_ * kThreadsX;
  static constexpr uint32_t kTallRun = Tall_ < 4 ? Tall_ : 4;
  static constexpr uint32_t kRowQuads = (Rows_ * kDepthQuads + kBlock - 1) / kBlock;
  static constexpr uint32_t kColumnQuads = (Columns_ * kDepthQuads + kBlock - 1) / kBlock;
  // Rows of the left buffer, a little apart so that transposed stores meet in few banks.
  static constexpr uint32_t kLeftPitch = Rows_ + 4;
  static constexpr uint32_t kRightPitch = Columns_;

  /// What is multiplied: f32 as it is.
  static __device__ __forceinline__ float prepared(float value) { return value; }

  /// A thread's sums come in runs of four, spread over the tile, so that neighbouring threads read
  /// neighbouring quads of shared memory.
  static __device__ __forceinline__ uint32_t row(uint32_t thread, uint32_t i) {
    return i / kTallRun * (kRows / (kTall / kTallRun)) + thread / kThreadsX * kTallRun +
           i % kTallRun;
  }
  static __device__ __forceinline__ uint32_t column(uint32_t thread, uint32_t j) {
    return j / kQuad * (kColumns / (kWide / kQuad)) + thread % kThreadsX * kQuad + j % kQuad;
  }
};

/// Every thread's sums by FMAs.
template <class T>
class FmaSums {
 public:
  /// Adds left x right over kStepDepth.
  __device__ __forceinline__ void multiply(const float (*left)[T::kLeftPitch],
                                           const float (*right)[T::kRightPitch]) {
#pragma unroll
    for (uint32_t k = 0; k < kStepDepth; k++) {
      float a[T::kTall], b[T::kWide];
#pragma unroll
      for (uint32_t i = 0; i < T::kTall; i++) a[i] = left[k][T::row(threadIdx.x, i)];
#pragma unroll
      for (uint32_t j = 0; j < T::kWide; j++) b[j] = right[k][T::column(threadIdx.x, j)];
#pragma unroll
      for (uint32_t i = 0; i < T::kTall; i++) {
#pragma unroll
        for (uint32_t j = 0; j < T::kWide; j++) sums_[i][j] = fmaf(a[i], b[j], sums_[i][j]);
      }
    }
  }

  __device__ __forceinline__ void store(const GemmTapsParams& p, const RegionRecord& region,
                                        const Place& place) const {
    const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
    float* partial = partial_tile<T>(p);
#pragma unroll
    for (uint32_t i = 0; i < T::kTall; i++) {
      const uint32_t row = T::row(threadIdx.x, i);
#pragma unroll
      for (uint32_t j = 0; j < T::kWide; j += kQuad) {
        const uint32_t column = T::column(threadIdx.x, j);
        if (p.splits > 1) {
          *reinterpret_cast<float4*>(partial + row * T::kColumns + column) =
              make_float4(sums_[i][j], sums_[i][j + 1], sums_[i][j + 2], sums_[i][j + 3]);
        } else if (place.row + row < pixels) {
          store_run<kQuad>(p, region, place.group, place.row + row, place.column + column,
                           &sums_[i][j]);
        }
      }
    }
  }

 private:
  float sums_[T::kTall][T::kWide] = {};
};

/// Adds the splits of a tile in order and finishes it.
template <class T>
UNTANGLE_DEVICE void gemm_taps_finish(const GemmTapsParams& p) {
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const Place place = locate_tile<T>(p, region, block);
  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  const float* partial = p.partial + static_cast<uint64_t>(blockIdx.x) * (T::kRows * T::kColumns);
  const uint64_t split_step = static_cast<uint64_t>(p.blocks) * (T::kRows * T::kColumns);
  for (uint32_t quad = threadIdx.x; quad < T::kRows * T::kColumns / kQuad; quad += T::kBlock) {
    const uint32_t row = quad / (T::kColumns / kQuad);
    const uint32_t column = quad % (T::kColumns / kQuad) * kQuad;
    if (place.row + row >= pixels) continue;
    float sums[kQuad] = {};
    for (uint32_t split = 0; split < p.splits; split++) {
      const float4 part =
          *reinterpret_cast<const float4*>(partial + split * split_step + quad * kQuad);
      sums[0] += part.x;
      sums[1] += part.y;
      sums[2] += part.z;
      sums[3] += part.w;
    }
    store_run<kQuad>(p, region, place.group, place.row + row, place.column + column, sums);
  }
}

#define UNTANGLE_GEMM_TAPS(rows, columns, tall, wide)                                   \
  extern "C" __global__ void __launch_bounds__(Tile<rows, columns, tall, wide>::kBlock, \
                                               kBlocksEach)                             \
      untangle_gemm_taps_##rows##x##columns(const GemmTapsParams p) {                   \
    gemm_taps<Tile<rows, columns, tall, wide>>(p);                                      \
  }                                                                                     \
  extern "C" __global__ void __launch_bounds__(Tile<rows, columns, tall, wide>::kBlock, \
                                               kBlocksEach)                             \
      untangle_gemm_taps_finish_##rows##x##columns(const GemmTapsParams p) {            \
    gemm_taps_finish<Tile<rows, columns, tall, wide>>(p);                               \
  }

UNTANGLE_GEMM_TAPS(128, 128, 8, 8)
UNTANGLE_GEMM_TAPS(128, 64, 8, 4)
UNTANGLE_GEMM_TAPS(64, 64, 4, 4)
UNTANGLE_GEMM_TAPS(128, 16, 4, 4)
UNTANGLE_GEMM_TAPS(16, 64, 2, 4)

}  // namespace gpu
}  // namespace untangle
