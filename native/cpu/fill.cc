// fill: y = value.

#include <bit>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {

void run_fill(const FillCommand& command, const Execution& run) {
  const ResolvedView y = resolve(run, command.y);
  const float value = std::bit_cast<float>(command.value_bits);
  const LoopNest nest = collapse({&y, 1});
  const size_t last = nest.rank - 1;
  const size_t columns = nest.dims[last];
  const size_t pieces = (columns + kItemElements - 1) / kItemElements;

  for_ranges(run, nest.count(last) * pieces, std::min(columns, kItemElements),
             [&](size_t begin, size_t end, size_t) {
               for (size_t item = begin; item < end; item++) {
                 const Odometer at(nest, 1, last, item / pieces);
                 const size_t start = item % pieces * kItemElements;
                 run.kernels.ops.fill(
                     value,
                     y.data + at.offsets[0] + nest.strides[0][last] * static_cast<ptrdiff_t>(start),
                     nest.strides[0][last], std::min(kItemElements, columns - start));
               }
             });
}

}  // namespace untangle
