// copy and fill: any strides, one thread per element; transposes through a tile in shared memory.

#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

extern "C" __global__ void __launch_bounds__(256) untangle_copy(const CopyParams p) {
  for (uint32_t i = thread_index(); i < p.nest.count; i += thread_count()) {
    int32_t offsets[2];
    locate(p.nest, i, offsets);
    store(p.nest.values[0], offsets[0], load(p.nest.values[1], offsets[1]));
  }
}

extern "C" __global__ void __launch_bounds__(256) untangle_fill(const FillParams p) {
  for (uint32_t i = thread_index(); i < p.nest.count; i += thread_count()) {
    int32_t offsets[1];
    locate(p.nest, i, offsets);
    store(p.nest.values[0], offsets[0], p.value);
  }
}

constexpr uint32_t kTileRows = 8;  // written at a time: 256 threads

/// The last two dims are [rows, columns], y contiguous along columns and x along rows. A block
/// brings one tile over, so that both are touched in runs of a tile's side.
extern "C" __global__ void __launch_bounds__(256) untangle_transpose(const CopyParams p) {
  __shared__ float tile[kTransposeTile]
                       [kTransposeTile + 1];  // one more: no two rows begin in the same bank
  const uint32_t last = p.nest.rank - 1;
  const uint32_t rows = p.nest.dims[last - 1];
  const uint32_t columns = p.nest.dims[last];
  const uint32_t tiles_x = divided_up(columns, kTransposeTile);
  const uint32_t tiles_y = divided_up(rows, kTransposeTile);
  const uint32_t outer = blockIdx.x / (tiles_x * tiles_y);
  const uint32_t row = blockIdx.x / tiles_x % tiles_y * kTransposeTile;
  const uint32_t column = blockIdx.x % tiles_x * kTransposeTile;

  int32_t offsets[2];
  locate(p.nest, outer * rows * columns, offsets);
  const int32_t y_row = p.nest.strides[0][last - 1];
  const int32_t x_column = p.nest.strides[1][last];
  const uint32_t lane = threadIdx.x % kTransposeTile;
  for (uint32_t i = threadIdx.x / kTransposeTile; i < kTransposeTile; i += kTileRows) {
    if (column + i < columns && row + lane < rows) {
      tile[i][lane] =
          load(p.nest.values[1], offsets[1] + static_cast<int32_t>(column + i) * x_column +
                                     static_cast<int32_t>(row + lane));
    }
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x / kTransposeTile; i < kTransposeTile; i += kTileRows) {
    if (row + i < rows && column + lane < columns) {
      store(
          p.nest.values[0],
          offsets[0] + static_cast<int32_t>(row + i) * y_row + static_cast<int32_t>(column + lane),
          tile[lane][i]);
    }
  }
}

}  // namespace gpu
}  // namespace untangle
