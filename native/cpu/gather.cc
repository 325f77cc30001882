// gather: y[i, j, k] = x[i, indices[j], k].

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"

namespace untangle {

void run_gather(const GatherCommand& command, const Execution& run) {
  const ResolvedView x = resolve(run, command.x);
  const ResolvedView y = resolve(run, command.y);
  const int32_t* indices = run.program.indices.data() + command.index_first;
  const size_t outer = y.dims[0];
  const size_t inner = y.dims[2];
  const size_t rows = std::min(outer, std::max<size_t>(1, kItemElements / inner));
  const size_t pieces = (outer + rows - 1) / rows;

  for_ranges(run, y.dims[1] * pieces, rows * inner, [&](size_t begin, size_t end, size_t) {
    for (size_t item = begin; item < end; item++) {
      const int64_t j = static_cast<int64_t>(item / pieces);
      const size_t row = item % pieces * rows;
      const int64_t i = static_cast<int64_t>(row);
      const Block from{x.data + i * x.strides[0] + indices[j] * int64_t{x.strides[1]}, x.strides[0],
                       x.strides[2]};
      const Block to{y.data + i * y.strides[0] + j * y.strides[1], y.strides[0], y.strides[2]};
      run.kernels.ops.copy_block(from, to, std::min(rows, outer - row), inner);
    }
  });
}

}  // namespace untangle
