// Rows that lie evenly apart, times weights: any number of them, in equal tiles.

#pragma once

#include <cstddef>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

/// Computes `count` >= 1 rows in tiles of at most `most`; those of one row more come first.
inline void multiply_rows(const GemmKernels& kernels, size_t most, GemmRun run, size_t count) {
  const size_t tiles = divide_up(count, most);
  const size_t rows = count / tiles;
  const size_t longer = count % tiles;
  const auto& tile = kernels.run[(run.columns - 1) / kPanel];
  if (longer == 0) return tile[rows - 1](run, tiles);
  tile[rows](run, longer);
  const auto done = static_cast<ptrdiff_t>(longer * (rows + 1));
  run.x_first += done * run.x_step;
  run.c += done * run.c_step;
  tile[rows - 1](run, tiles - longer);
}

}  // namespace untangle
