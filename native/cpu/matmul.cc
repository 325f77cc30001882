// matmul: [B, M, K] x [B, K, N] -> [B, M, N], any strides.
//
// A panel of the right matrix is packed once per item and serves a block of rows of the left.

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"

namespace untangle {
namespace {

constexpr size_t kDepth = 1024;  // 128 KiB of packed panel: half of the workspace
constexpr size_t kRows =
    128;  // rows that share a packed panel: packing costs under 1 % of the work
static_assert((kDepth + kMatmulRows) * kMatmulColumns <= kWorkspaceFloats);

struct Product {
  const Execution& run;
  ResolvedView a, b, y;
};

/// y's tile at `out`, when its rows are not contiguous: through a buffer.
void multiply_strided(const Product& product, const Block& a, const float* panel, const Block& out,
                      size_t rows, size_t columns, size_t depth, bool accumulate, float* buffer) {
  const OpKernels& kernels = product.run.kernels.ops;
  const Block tile{buffer, kMatmulColumns, 1};
  if (accumulate) kernels.copy_block(out, tile, rows, columns);
  kernels.matmul(a, panel, buffer, kMatmulColumns, rows, columns, depth, accumulate);
  kernels.copy_block(tile, out, rows, columns);
}

/// Rows [row, row_end) and columns [column, column + columns) of one batch.
void multiply_block(const Product& product, int64_t batch, size_t row, size_t row_end,
                    size_t column, size_t columns, float* panel) {
  const auto& [run, a, b, y] = product;
  const OpKernels& kernels = run.kernels.ops;
  const size_t depth = a.dims[2];
  for (size_t k = 0; k < depth; k += kDepth) {
    const size_t k_count = std::min(kDepth, depth - k);
    float* right =
        b.data + batch * b.strides[0] + int64_t(k) * b.strides[1] + int64_t(column) * b.strides[2];
    if (columns < kMatmulColumns) kernels.fill(0.0f, panel, 1, k_count * kMatmulColumns);
    kernels.copy_block({right, b.strides[1], b.strides[2]}, {panel, kMatmulColumns, 1}, k_count,
                       columns);
    for (size_t i = row; i < row_end; i += kMatmulRows) {
      const size_t rows = std::min(kMatmulRows, row_end - i);
      const Block left{
          a.data + batch * a.strides[0] + int64_t(i) * a.strides[1] + int64_t(k) * a.strides[2],
          a.strides[1], a.strides[2]};
      const Block out{y.data + batch * y.strides[0] + int64_t(i) * y.strides[1] +
                          int64_t(column) * y.strides[2],
                      y.strides[1], y.strides[2]};
      if (y.strides[2] == 1) {
        kernels.matmul(left, panel, out.data, out.row_stride, rows, columns, k_count, k > 0);
      } else {
        multiply_strided(product, left, panel, out, rows, columns, k_count, k > 0,
                         panel + kDepth * kMatmulColumns);
      }
    }
  }
}

}  // namespace

void run_matmul(const MatmulCommand& command, const Execution& run) {
  const Product product{run, resolve(run, command.a), resolve(run, command.b),
                        resolve(run, command.y)};
  const size_t m = product.y.dims[1];
  const size_t n = product.y.dims[2];
  const size_t row_blocks = (m + kRows - 1) / kRows;
  const size_t panels = (n + kMatmulColumns - 1) / kMatmulColumns;

  for_ranges(run, product.y.dims[0] * row_blocks * panels,
             std::min(m, kRows) * kMatmulColumns * product.a.dims[2],
             [&](size_t begin, size_t end, size_t thread) {
               for (size_t item = begin; item < end; item++) {
                 const int64_t batch = static_cast<int64_t>(item / (row_blocks * panels));
                 const size_t row = item / panels % row_blocks * kRows;
                 const size_t column = item % panels * kMatmulColumns;
                 multiply_block(product, batch, row, std::min(m, row + kRows), column,
                                std::min(kMatmulColumns, n - column), workspace(run, thread));
               }
             });
}

}  // namespace untangle
