// gemmTaps: all regions of a convolution (phases, borders) in one launch, as a tiled implicit GEMM.
//
// Rows are the pixels of a region, columns its output channels (times fused phases), and the sum
// goes over taps and channels, kDepth at a time, through two buffers in shared memory: while one is
// multiplied the other is filled. No upsampled map, no columns of patches, no atomics: an output is
// one chain of FMAs, or `splits` of them added in order (UKS with exact sizes; untangling.md 1.5).

#include "native/gpu/kernels/scalar.cuh"

namespace untangle {
namespace gpu {

constexpr uint32_t kDepth = 16;
constexpr uint32_t kQuad = 4;  // floats moved at a time
constexpr uint32_t kDepthQuads = kDepth / kQuad;

/// A tile of Rows x Columns sums; every thread has Tall x Wide of them.
template <uint32_t Rows_, uint32_t Columns_, uint32_t Tall_, uint32_t Wide_>
struct Tile {
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

/// Finishes four neighbouring sums of pixel `index` of a region: bias, residual, activation.
UNTANGLE_DEVICE void store_quad(const GemmTapsParams& p, const RegionRecord& region, uint32_t group,
                                uint32_t index, uint32_t column, const float* sums) {
  const Pixel pixel = locate_pixel(region, index);
  // Unrolled, as all loops over sums: what is found by a number known only later lies in memory.
#pragma unroll
  for (uint32_t j = 0; j < kQuad; j++) {
    const uint32_t at = column + j;
    if (at >= p.columns) continue;
    const uint32_t phase = at / p.group_outputs;
    const int32_t out_y = pixel.out_y + static_cast<int32_t>(phase / p.fused_x);
    const int32_t out_x = pixel.out_x + static_cast<int32_t>(phase % p.fused_x);
    if (!contains(p.y, out_y, out_x)) continue;
    const uint32_t padded = group * p.panels * kPanel + at;
    const auto channel = static_cast<int32_t>(group * p.group_outputs + at % p.group_outputs);
    float value = sums[j] + (p.bias == nullptr ? 0.0f : p.bias[padded]);
    if (p.residual.data != nullptr) {
      value += p.residual.data[pixel_offset(p.residual, pixel.image, out_y, out_x) + channel];
    }
    p.y.data[pixel_offset(p.y, pixel.image, out_y, out_x) + channel] =
        activate(p.activation, value, padded);
  }
}

/// What a thread moves from x and from the weights to shared memory, step by step.
template <class T>
class Loader {
 public:
  __device__ __forceinline__ Loader(const GemmTapsParams& p, const RegionRecord& region,
                                    const Place& place, uint32_t step)
      : p_(p),
        region_(region),
        place_(place),
        chunks_(divided_up(region.kc, kDepth)),
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
    const uint32_t first = chunk_ * kDepth;
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
                                        float (*right)[T::kColumns]) const {
#pragma unroll
    for (uint32_t i = 0; i < T::kRowQuads; i++) {
      const uint32_t at = threadIdx.x + i * T::kBlock;
      if (at >= T::kRows * kDepthQuads) continue;
#pragma unroll
      for (uint32_t j = 0; j < kQuad; j++) {
        left[at % kDepthQuads * kQuad + j][at / kDepthQuads] = left_[i][j];
      }
    }
#pragma unroll
    for (uint32_t i = 0; i < T::kColumnQuads; i++) {
      const uint32_t at = threadIdx.x + i * T::kBlock;
      if (at >= T::kColumns * kDepthQuads) continue;
      float* to = &right[at / (T::kColumns / kQuad)][at % (T::kColumns / kQuad) * kQuad];
      *reinterpret_cast<float4*>(to) =
          make_float4(right_[i][0], right_[i][1], right_[i][2], right_[i][3]);
    }
  }

 private:
  /// Where the tap reads for each row; null outside x.
  __device__ __forceinline__ void find_sources() {
    if (tap_ >= region_.tap_count) return;
    const TapRecord tap = p_.table.taps[region_.tap_first + tap_];
    tap_k_ = tap.k;
#pragma unroll
    for (uint32_t i = 0; i < T::kRowQuads; i++) {
      const int32_t y = in_y_[i] + tap.dy;
      const int32_t x = in_x_[i] + tap.dx;
      const bool is_inside = image_[i] >= 0 && contains(p_.x, y, x);
      sources_[i] = is_inside ? p_.x.data + pixel_offset(p_.x, image_[i], y, x) +
                                    place_.group * p_.group_inputs
                              : nullptr;
    }
  }

  __device__ __forceinline__ void read_left(const float* source, uint32_t k, float* to) const {
    if (source != nullptr && p_.vectors != 0 && k < region_.kc) {
      const float4 quad = *reinterpret_cast<const float4*>(source + k);
      to[0] = quad.x;
      to[1] = quad.y;
      to[2] = quad.z;
      to[3] = quad.w;
      return;
    }
#pragma unroll
    for (uint32_t j = 0; j < kQuad; j++) {
      to[j] = source != nullptr && k + j < region_.kc ? source[k + j] : 0.0f;
    }
  }

  __device__ __forceinline__ void read_right(uint32_t k, uint32_t column, float* to) const {
    const uint32_t at = place_.column + column;
    const uint32_t panel = at / kPanel;
    float4 quad = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (k < region_.kc && panel < p_.panels) {
      const uint64_t row =
          static_cast<uint64_t>(place_.group * p_.panels + panel) * p_.k_total + tap_k_ + k;
      quad = *reinterpret_cast<const float4*>(p_.weights + row * kPanel + at % kPanel);
    }
    to[0] = quad.x;
    to[1] = quad.y;
    to[2] = quad.z;
    to[3] = quad.w;
  }

  const GemmTapsParams& p_;
  const RegionRecord& region_;
  const Place place_;
  const uint32_t chunks_;  // steps of a tap
  uint32_t tap_, chunk_;
  uint32_t tap_k_ = 0;
  int32_t image_[T::kRowQuads], in_y_[T::kRowQuads], in_x_[T::kRowQuads];
  const float* sources_[T::kRowQuads];
  float left_[T::kRowQuads][kQuad];
  float right_[T::kColumnQuads][kQuad];
};

/// sums += left x right over kDepth.
template <class T>
UNTANGLE_DEVICE void multiply(const float (*left)[T::kLeftPitch], const float (*right)[T::kColumns],
                              float (&sums)[T::kTall][T::kWide]) {
#pragma unroll
  for (uint32_t k = 0; k < kDepth; k++) {
    float a[T::kTall], b[T::kWide];
#pragma unroll
    for (uint32_t i = 0; i < T::kTall; i++) a[i] = left[k][T::row(threadIdx.x, i)];
#pragma unroll
    for (uint32_t j = 0; j < T::kWide; j++) b[j] = right[k][T::column(threadIdx.x, j)];
#pragma unroll
    for (uint32_t i = 0; i < T::kTall; i++) {
#pragma unroll
      for (uint32_t j = 0; j < T::kWide; j++) sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
    }
  }
}

/// Grid: x the tiles of all regions, y the splits.
template <class T>
UNTANGLE_DEVICE void gemm_taps(const GemmTapsParams& p) {
  __shared__ __align__(16) float left[2][kDepth][T::kLeftPitch];
  __shared__ __align__(16) float right[2][kDepth][T::kColumns];
  uint32_t block = blockIdx.x;
  const RegionRecord& region = p.table.regions[find_region(p.table, block)];
  const Place place = locate_tile<T>(p, region, block);
  const uint32_t steps = region.tap_count * divided_up(region.kc, kDepth);
  const uint32_t first =
      static_cast<uint32_t>(static_cast<uint64_t>(steps) * blockIdx.y / p.splits);
  const uint32_t last =
      static_cast<uint32_t>(static_cast<uint64_t>(steps) * (blockIdx.y + 1) / p.splits);

  float sums[T::kTall][T::kWide] = {};
  if (first < last) {
    Loader<T> loader(p, region, place, first);
    loader.read();
    loader.write(left[0], right[0]);
    __syncthreads();
    for (uint32_t step = first; step < last; step++) {
      const uint32_t buffer = (step - first) % 2;
      const bool more = step + 1 < last;
      if (more) loader.read();
      multiply<T>(left[buffer], right[buffer], sums);
      if (more) loader.write(left[1 - buffer], right[1 - buffer]);
      __syncthreads();
    }
  }

  const uint32_t pixels = static_cast<uint32_t>(p.y.n) * region.count_y * region.count_x;
  float* partial = p.partial + (static_cast<uint64_t>(blockIdx.y) * p.blocks + blockIdx.x) *
                                   (T::kRows * T::kColumns);
#pragma unroll
  for (uint32_t i = 0; i < T::kTall; i++) {
    const uint32_t row = T::row(threadIdx.x, i);
#pragma unroll
    for (uint32_t j = 0; j < T::kWide; j += kQuad) {
      const uint32_t column = T::column(threadIdx.x, j);
      if (p.splits > 1) {
        *reinterpret_cast<float4*>(partial + row * T::kColumns + column) =
            make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]);
      } else if (place.row + row < pixels) {
        store_quad(p, region, place.group, place.row + row, place.column + column, &sums[i][j]);
      }
    }
  }
}

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
    store_quad(p, region, place.group, place.row + row, place.column + column, sums);
  }
}

#define UNTANGLE_GEMM_TAPS(rows, columns, tall, wide)                                   \
  extern "C" __global__ void __launch_bounds__(Tile<rows, columns, tall, wide>::kBlock) \
      untangle_gemm_taps_##rows##x##columns(const GemmTapsParams p) {                   \
    gemm_taps<Tile<rows, columns, tall, wide>>(p);                                      \
  }                                                                                     \
  extern "C" __global__ void __launch_bounds__(Tile<rows, columns, tall, wide>::kBlock) \
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
