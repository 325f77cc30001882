// copy: y = x, same shape, any strides.
//
// After collapsing, two dims form the block a kernel copies: y's innermost, and the one where x is
// contiguous (a transpose) or else the next one out. The other dims are loops around it.

#include <cstdlib>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {
namespace {

enum View : size_t { kY, kX };

/// Makes sure there are two dims and brings the one with x's smallest stride next to the innermost.
void choose_block(LoopNest& nest) {
  if (nest.rank == 1) {
    nest.dims[1] = nest.dims[0];
    nest.dims[0] = 1;
    for (size_t v : {kY, kX}) {
      nest.strides[v][1] = nest.strides[v][0];
      nest.strides[v][0] = 0;
    }
    nest.rank = 2;
    return;
  }
  const size_t last = nest.rank - 1;
  if (std::abs(nest.strides[kX][last]) <= 1) return;
  for (size_t d = 0; d < last; d++) {
    if (nest.strides[kX][d] == 1) return nest.move_dim(d, last - 1);
  }
}

// Channels from which on a transpose is worth lines of their own.
constexpr size_t kFewestStreamed = 8;

/// A block of y = x; `streams` when y is for nobody soon. What is streamed has to be ended.
void copy_block(const OpKernels& ops, const Block& x, const Block& y, size_t rows, size_t columns,
                bool streams) {
  const bool to_planes = x.row_stride == 1 && y.column_stride == 1 && rows >= kFewestStreamed;
  if (!streams || !to_planes) return ops.copy_block(x, y, rows, columns);
  ops.transpose_stream(x.data, x.column_stride, y.data, y.row_stride, columns, rows);
  ops.end_streams();
}

}  // namespace

void run_copy(const CopyCommand& command, const Execution& run) {
  const ResolvedView views[] = {resolve(run, command.y), resolve(run, command.x)};
  LoopNest nest = collapse(views);
  choose_block(nest);
  const bool streams = leaves(run, command.y);
  const size_t row_dim = nest.rank - 2;
  const size_t rows = nest.dims[row_dim];
  const size_t columns = nest.dims[nest.rank - 1];
  const size_t outer = nest.count(row_dim);

  // A long block is cut along its longer side, so that threads share a single large transpose.
  const bool cut_rows = rows >= columns;
  const size_t long_side = cut_rows ? rows : columns;
  const size_t short_side = cut_rows ? columns : rows;
  const size_t piece = std::max<size_t>(16, (kItemElements / short_side + 15) / 16 * 16);
  const size_t pieces = (long_side + piece - 1) / piece;

  for_ranges(run, outer * pieces, std::min(piece, long_side) * short_side,
             [&](size_t begin, size_t end, size_t) {
               for (size_t item = begin; item < end; item++) {
                 const Odometer at(nest, 2, row_dim, item / pieces);
                 const size_t start = item % pieces * piece;
                 const size_t length = std::min(piece, long_side - start);
                 const size_t cut_dim = cut_rows ? row_dim : row_dim + 1;
                 const auto block = [&](View v) {
                   return Block{views[v].data + at.offsets[v] +
                                    nest.strides[v][cut_dim] * static_cast<ptrdiff_t>(start),
                                nest.strides[v][row_dim], nest.strides[v][row_dim + 1]};
                 };
                 copy_block(run.kernels.ops, block(kX), block(kY), cut_rows ? length : rows,
                            cut_rows ? columns : length, streams);
               }
             });
}

}  // namespace untangle
