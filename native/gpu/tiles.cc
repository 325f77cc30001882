#include "native/gpu/tiles.h"

#include <algorithm>

namespace untangle::gpu {

namespace {

// Multiply-accumulates of a multiprocessor per cycle; 64 on some boards, which changes no choice.
constexpr double kMacsPerCycle = 128;
// A block alone on a multiprocessor waits for memory and for itself: it takes longer than its
// share.
constexpr double kAlone = 1.6;
// Before and after a launch, and bytes of partial sums that a multiprocessor moves per cycle.
constexpr double kLaunchCycles = 4000;
constexpr double kBytesPerCycle = 12;

constexpr uint32_t kMaxSplits = 32;
constexpr uint32_t kFewestSteps = 4;  // of a split

double cycles(const TileShape& shape, std::span<const RegionProduct> regions, uint32_t columns,
              uint32_t groups, uint32_t splits, uint32_t multiprocessors) {
  const double tile = double{1} * shape.rows * shape.columns;
  double total = 0;
  double longest = 0;
  double blocks = 0;
  for (const RegionProduct& region : regions) {
    const double of_block = tile * kStepDepth * region.steps / splits;
    const double count = tile_count(shape, region.pixels, columns, groups);
    total += of_block * count * splits;
    longest = std::max(longest, of_block);
    blocks += count;
  }
  const double macs = std::max(total / multiprocessors, longest * kAlone);
  const double moved = splits > 1 ? 2 * sizeof(float) * tile * blocks * splits : 0;
  return macs / (kMacsPerCycle * double{shape.speed}) + (splits > 1 ? kLaunchCycles : 0) +
         moved / (kBytesPerCycle * multiprocessors);
}

}  // namespace

TileChoice choose_tile(std::span<const RegionProduct> regions, uint32_t columns, uint32_t groups,
                       uint32_t multiprocessors, Precision precision) {
  uint32_t steps = 0;
  for (const RegionProduct& region : regions) steps = std::max(steps, region.steps);
  TileChoice best{&kTileShapes[0], 1};
  double best_cycles = 0;
  for (const TileShape& shape : kTileShapes) {
    if (shape.precision != Precision::kF32 && shape.precision != precision) continue;
    for (uint32_t splits = 1; splits <= kMaxSplits; splits *= 2) {
      if (splits > 1 && steps / splits < kFewestSteps) break;
      const double taken = cycles(shape, regions, columns, groups, splits, multiprocessors);
      if (best_cycles != 0 && taken >= best_cycles) continue;
      best = {&shape, splits};
      best_cycles = taken;
    }
  }
  return best;
}

}  // namespace untangle::gpu
