// Validation of gridSample. Its reads are bounded by the executor: positions are known only then.

#include "native/program/validate.h"

namespace untangle {
namespace {

// Positions are computed in f32: pixels beyond 2^23 could not be told apart.
constexpr uint32_t kMaxSize = 1u << 23;

}  // namespace

bool Validator::grid_sample(const GridSampleCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !readable(command.grid_view) ||
      !rank(command.x, 5) || !rank(command.y, 5) || !rank(command.grid_view, 5)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  const uint32_t* grid = dims(command.grid_view);
  for (uint32_t d = 0; d < 4; d++) {
    if (!require(grid[d] == y[d], "the grid and the output differ in shape")) return false;
  }
  const bool is_flat = grid[4] == 2 && x[1] == 1;
  return require(x[0] == y[0] && x[4] == y[4], "input and output differ in batch or channels") &&
         require(is_flat || grid[4] == 3, "the grid has another number of axes than the input") &&
         require(x[1] <= kMaxSize && x[2] <= kMaxSize && x[3] <= kMaxSize,
                 "an axis of the input is too long") &&
         require(command.mode < kGridModeCount && command.padding < kGridPaddingCount,
                 "its mode does not exist") &&
         require(command.mode != static_cast<uint32_t>(GridMode::kCubic) || is_flat,
                 "mode cubic needs a grid of two axes") &&
         require(command.align_corners <= 1, "a flag is neither 0 nor 1");
}

}  // namespace untangle
