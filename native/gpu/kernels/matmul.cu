// matmul: [B, M, K] x [B, K, N] -> [B, M, N], any strides; a block makes a tile through shared
// memory.

#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

constexpr uint32_t kSums = 4;  // of a thread, in each direction
constexpr uint32_t kMatmulDepth = 16;

/// Grid: column tiles, row tiles, batches.
extern "C" __global__ void __launch_bounds__(256) untangle_matmul(const MatmulParams p) {
  __shared__ float left[kMatmulDepth][kMatmulTile + 1];
  __shared__ float right[kMatmulDepth][kMatmulTile + 1];
  const uint32_t column_tiles = divided_up(p.n, kMatmulTile);
  const uint32_t row_tiles = divided_up(p.m, kMatmulTile);
  const uint32_t column = blockIdx.x % column_tiles * kMatmulTile;
  const uint32_t row = blockIdx.x / column_tiles % row_tiles * kMatmulTile;
  const auto batch = static_cast<int32_t>(blockIdx.x / column_tiles / row_tiles);
  const int32_t a = batch * p.a_strides[0];
  const int32_t b = batch * p.b_strides[0];
  const uint32_t first_row = threadIdx.x / (kMatmulTile / kSums) * kSums;
  const uint32_t first_column = threadIdx.x % (kMatmulTile / kSums) * kSums;

  float sums[kSums][kSums] = {};
  for (uint32_t k = 0; k < p.k; k += kMatmulDepth) {
    for (uint32_t i = threadIdx.x; i < kMatmulTile * kMatmulDepth; i += kThreads) {
      // Neighbouring threads follow whichever dim of the source is contiguous.
      const bool rows_apart = p.a_strides[2] == 1;
      const uint32_t left_k = rows_apart ? i % kMatmulDepth : i / kMatmulTile;
      const uint32_t left_row = rows_apart ? i / kMatmulDepth : i % kMatmulTile;
      const bool in_a = row + left_row < p.m && k + left_k < p.k;
      left[left_k][left_row] =
          in_a ? load(p.a, a + static_cast<int32_t>(row + left_row) * p.a_strides[1] +
                               static_cast<int32_t>(k + left_k) * p.a_strides[2])
               : 0.0f;
      const bool columns_apart = p.b_strides[1] == 1 && p.b_strides[2] != 1;
      const uint32_t right_k = columns_apart ? i % kMatmulDepth : i / kMatmulTile;
      const uint32_t right_column = columns_apart ? i / kMatmulDepth : i % kMatmulTile;
      const bool in_b = column + right_column < p.n && k + right_k < p.k;
      right[right_k][right_column] =
          in_b ? load(p.b, b + static_cast<int32_t>(k + right_k) * p.b_strides[1] +
                               static_cast<int32_t>(column + right_column) * p.b_strides[2])
               : 0.0f;
    }
    __syncthreads();
    for (uint32_t depth = 0; depth < kMatmulDepth; depth++) {
#pragma unroll
      for (uint32_t i = 0; i < kSums; i++) {
#pragma unroll
        for (uint32_t j = 0; j < kSums; j++) {
          sums[i][j] = fmaf(left[depth][first_row + i], right[depth][first_column + j], sums[i][j]);
        }
      }
    }
    __syncthreads();
  }
  for (uint32_t i = 0; i < kSums && row + first_row + i < p.m; i++) {
    for (uint32_t j = 0; j < kSums && column + first_column + j < p.n; j++) {
      store(p.y,
            batch * p.y_strides[0] + static_cast<int32_t>(row + first_row + i) * p.y_strides[1] +
                static_cast<int32_t>(column + first_column + j) * p.y_strides[2],
            sums[i][j]);
    }
  }
}

}  // namespace gpu
}  // namespace untangle
