// gemmTaps: cuts every region into items that fit the caches and hands them to the threads.
//
// However it is cut, an output element is one chain of FMAs in the order of taps and channels,
// inside one item: results are the same for every thread count.

#include <algorithm>

#include "native/cpu/activation.h"
#include "native/cpu/gemm_block.h"

namespace untangle {

namespace {

// Floats of x a block may touch per tap: 128 KB, half of a small core's L2 with the weights in the
// other.
constexpr size_t kBlockInputs = 32768;
// Below this many pixels weights would be streamed more often than they are used.
constexpr size_t kMinBlockPixels = 96;
// Items per thread, so that a slow core does not hold the others up.
constexpr size_t kItemsPerThread = 4;
// Multiply-accumulates worth an item of their own: some 2 us.
constexpr size_t kMinItemMacs = 131072;

/// How a region is cut.
struct RegionPlan {
  size_t tiles;          // row tiles
  size_t blocks;         // runs of row tiles
  size_t column_blocks;  // runs of column tiles
  size_t items;          // groups * blocks * column_blocks
};

size_t entry_count(const RegionRecord& region) {
  return region.tap_count * divide_up(region.kc, kMaxSlice);
}

RegionPlan plan_region(const GemmJob& job, const RegionRecord& region, size_t regions) {
  const size_t mr = job.kernels.mr;
  const size_t pixels = count_pixels(region, job.y);
  if (pixels == 0) return {};
  const size_t entries = std::max<size_t>(1, entry_count(region));
  const size_t kc = std::max<size_t>(1, region.kc);

  size_t block_pixels = std::clamp(kBlockInputs / kc, kMinBlockPixels, kMaxBlockPixels);
  block_pixels = std::max(mr, std::min(block_pixels, kMaxRowPointers / entries));
  const size_t tiles = divide_up(pixels, mr);
  size_t blocks = divide_up(tiles, block_pixels / mr);
  size_t column_blocks = 1;

  const size_t column_tiles = job.column_tiles();
  const size_t threads = job.run.pool.threads();
  const size_t wanted =
      divide_up(threads > 1 ? kItemsPerThread * threads : 1, regions * job.groups);
  if (blocks < wanted) {
    const size_t tile_macs = pixels / blocks * region.tap_count * kc * job.tile_columns();
    const size_t worth = std::max<size_t>(1, tile_macs * column_tiles / kMinItemMacs);
    const size_t parts = std::min(divide_up(wanted, blocks), worth);
    column_blocks = std::min(parts, column_tiles);
    blocks = std::min(tiles, blocks * divide_up(parts, column_blocks));
  }
  // Fused columns of more taps than the pointers hold keep partial sums in scratch, which is one
  // column tile wide.
  if (job.fused() && entries * mr > kMaxRowPointers) column_blocks = column_tiles;
  return {tiles, blocks, column_blocks, job.groups * blocks * column_blocks};
}

GemmJob make_job(const GemmTapsCommand& command, const Execution& run) {
  const MapView x = resolve_map(run, command.x);
  const MapView y = resolve_map(run, command.y);
  const size_t group_outputs = y.channels / command.groups;
  const size_t columns = group_outputs * command.fused_y * command.fused_x;
  GemmJob job{.run = run,
              .kernels = run.kernels,
              .taps = run.program.taps.data(),
              .x = x,
              .y = y,
              .residual = resolve_map(run, command.residual_view),
              .weights = resolve_weights(run, command.weights_view, command.k_total, kPanel),
              .bias = resolve_constants(run, command.bias_view),
              .groups = command.groups,
              .fused_y = command.fused_y,
              .fused_x = command.fused_x,
              .group_inputs = x.channels / command.groups,
              .group_outputs = group_outputs,
              .columns = columns,
              .panels = divide_up(columns, kPanel),
              .finish = {},
              .activation = resolve_activation(command, run)};
  choose_finish(job, job.adds_residual());
  return job;
}

/// Runs item `index` of a region. Blocks go round fastest: neighbouring items share weights.
void run_region_item(const GemmJob& job, const RegionRecord& region, const RegionPlan& plan,
                     size_t index, std::byte* workspace) {
  const size_t block = index % plan.blocks;
  const size_t column_block = index / plan.blocks % plan.column_blocks;
  const size_t column_tiles = job.column_tiles();
  const GemmItem item{.region = region,
                      .group = index / plan.blocks / plan.column_blocks,
                      .tiles = plan.tiles,
                      .tile_first = split_at(plan.tiles, plan.blocks, block),
                      .tile_last = split_at(plan.tiles, plan.blocks, block + 1),
                      .column_first = split_at(column_tiles, plan.column_blocks, column_block),
                      .column_last = split_at(column_tiles, plan.column_blocks, column_block + 1)};
  if (has_long_runs(job, region)) return run_gemm_runs(job, item, workspace);
  run_gemm_item(job, item, workspace);
}

}  // namespace

void run_gemm_taps(const GemmTapsCommand& command, const Execution& run) {
  const GemmJob job = make_job(command, run);
  const auto regions = run.program.regions.subspan(command.region_first, command.region_count);

  size_t items = 0;
  for (const RegionRecord& region : regions)
    items += plan_region(job, region, regions.size()).items;

  run.pool.parallel_for(items, [&](size_t item, size_t thread) {
    if (run.aborted.load(std::memory_order_relaxed)) return;
    for (const RegionRecord& region : regions) {
      const RegionPlan plan = plan_region(job, region, regions.size());
      if (item < plan.items) return run_region_item(job, region, plan, item, run.workspace[thread]);
      item -= plan.items;
    }
  });
}

}  // namespace untangle
