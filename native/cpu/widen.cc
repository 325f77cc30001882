// widen: stored weights as f32, for kernels that know no other type.

#include <algorithm>

#include "native/cpu/packed_weights.h"
#include "native/cpu/parallel.h"

namespace untangle {

void run_widen(const WidenCommand& command, const Execution& run) {
  const ResolvedView y = resolve(run, command.y);
  const size_t rows = y.dims[1];
  const size_t width = y.dims[2];
  const PackedWeights weights = resolve_weights(run, command.x, rows, width);
  for_ranges(run, y.dims[0] * rows, width, [&](size_t begin, size_t end, size_t) {
    for (size_t at = begin; at < end;) {
      const size_t panel = at / rows;
      const size_t row = at % rows;
      const size_t count = std::min(end - at, rows - row);
      run.kernels.widen({.type = weights.type,
                         .source = weights.at(panel, row),
                         .scales = weights.scales(panel),
                         .rows = count,
                         .width = width,
                         .target = y.data + at * width});
      at += count;
    }
  });
}

}  // namespace untangle
