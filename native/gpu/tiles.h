// Which tile, and how many splits of the sum, a gemmTaps launch is cut into.

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "native/gpu/device.h"
#include "native/gpu/kernels/params.h"

namespace untangle::gpu {

/// A tile of gemm_taps.cu or gemm_taps_tensor.cu.
struct TileShape {
  uint32_t rows;
  uint32_t columns;
  Precision precision;
  Kernel multiply;
  Kernel finish;
  // Multiply-accumulates a multiprocessor makes of it per cycle, against those of the largest f32
  // tile: what is read from shared memory for each is the reason.
  float speed;
};

inline constexpr std::array<TileShape, 9> kTileShapes = {{
    {128, 128, Precision::kF32, Kernel::gemm_taps_128x128, Kernel::gemm_taps_finish_128x128, 1.0f},
    {128, 64, Precision::kF32, Kernel::gemm_taps_128x64, Kernel::gemm_taps_finish_128x64, 0.85f},
    {64, 64, Precision::kF32, Kernel::gemm_taps_64x64, Kernel::gemm_taps_finish_64x64, 0.65f},
    {128, 16, Precision::kF32, Kernel::gemm_taps_128x16, Kernel::gemm_taps_finish_128x16, 0.35f},
    {16, 64, Precision::kF32, Kernel::gemm_taps_16x64, Kernel::gemm_taps_finish_16x64, 0.35f},
    {128, 128, Precision::kTf32, Kernel::gemm_taps_tf32_128x128, Kernel::gemm_taps_finish_128x128,
     4.0f},
    {64, 64, Precision::kTf32, Kernel::gemm_taps_tf32_64x64, Kernel::gemm_taps_finish_64x64, 2.5f},
    {128, 128, Precision::kF16, Kernel::gemm_taps_f16_128x128, Kernel::gemm_taps_finish_128x128,
     5.0f},
    {64, 64, Precision::kF16, Kernel::gemm_taps_f16_64x64, Kernel::gemm_taps_finish_64x64, 3.0f},
}};

/// A region as a product: rows x columns, summed over steps of kStepDepth.
struct RegionProduct {
  uint32_t pixels;
  uint32_t steps;
};

struct TileChoice {
  const TileShape* shape;
  uint32_t splits;
};

/// Blocks of a region in one split.
inline uint32_t tile_count(const TileShape& shape, uint32_t pixels, uint32_t columns,
                           uint32_t groups) {
  return (pixels + shape.rows - 1) / shape.rows * ((columns + shape.columns - 1) / shape.columns) *
         groups;
}

/// The choice that takes least time on so many multiprocessors; splits only where the tiles alone
/// would leave most of them idle. Tiles of `precision` and of f32 are considered.
TileChoice choose_tile(std::span<const RegionProduct> regions, uint32_t columns, uint32_t groups,
                       uint32_t multiprocessors, Precision precision);

}  // namespace untangle::gpu
