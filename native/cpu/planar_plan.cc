#include "native/cpu/planar_plan.h"

#include <algorithm>

#include "native/cpu/activation.h"
#include "native/program/packing.h"

namespace untangle {

namespace {

// Packed x that the taps of one output row read, over a slice of channels. One panel of weights
// reads it once for each phase: it stays in L1. Of several panels each reads it, but from L2 it
// comes fast enough, and longer slices let sums wait less often (4 % with 64 channels).
constexpr size_t kWindowFloats = 6144;
constexpr size_t kWideWindowFloats = 24576;
// Channels are transposed in squares of this side.
constexpr size_t kSliceStep = 8;
constexpr size_t kItemsPerThread = 4;
// Multiply-accumulates worth an item of their own: some 2 us.
constexpr size_t kMinItemMacs = 131072;

size_t round_up(size_t value, size_t to) { return divide_up(value, to) * to; }

PlanarMap resolve_planar(const Execution& run, uint32_t index) {
  if (index == kNone) return {};
  const ResolvedView view = resolve(run, index);
  return {view.data,       view.dims[0],    view.dims[1],    view.dims[2],   view.dims[3],
          view.strides[0], view.strides[1], view.strides[2], view.strides[3]};
}

PlanarPlan measure(const PlanarJob& job) {
  PlanarPlan plan;
  int64_t max_y = 0;
  int64_t max_x = 0;
  bool any = false;
  for (const RegionRecord& region : job.regions) {
    plan.count_y = std::max<size_t>(plan.count_y, region.count_y);
    plan.count_x = std::max<size_t>(plan.count_x, region.count_x);
    plan.in_step = std::max<size_t>(1, region.in_step_y);
    for (size_t t = 0; t < region.tap_count; t++) {
      const TapRecord& tap = job.taps(region)[t];
      const int64_t y = int64_t{region.in_y} + tap.dy;
      const int64_t x = int64_t{region.in_x} + tap.dx;
      plan.min_y = any ? std::min(plan.min_y, y) : y;
      plan.min_x = any ? std::min(plan.min_x, x) : x;
      max_y = any ? std::max(max_y, y) : y;
      max_x = any ? std::max(max_x, x) : x;
      any = true;
    }
  }
  plan.window = static_cast<size_t>(max_y - plan.min_y) + 1;
  plan.span = static_cast<size_t>(max_x - plan.min_x);
  return plan;
}

size_t count_macs(const PlanarJob& job) {
  size_t macs = 0;
  for (const RegionRecord& region : job.regions)
    macs += size_t{region.count_y} * region.count_x * region.tap_count;
  return macs * job.y.n * job.x.channels * job.y.channels;
}

/// Regions whose sums fit; those whose outputs lie side by side stay together.
size_t plan_regions(const PlanarJob& job, size_t tile) {
  const size_t fit = kPlanarSumFloats / (job.y.channels * tile);
  if (fit >= job.regions.size()) return job.regions.size();
  const size_t side_by_side = std::max<size_t>(1, job.regions[0].out_step_x);
  return fit > side_by_side ? fit / side_by_side * side_by_side : fit;
}

/// Output rows whose window of `channels` channels can be packed at a time; 0 when not even one.
size_t packed_rows(const PlanarPlan& plan, size_t channels) {
  const size_t rows = kPlanarPackFloats / (channels * plan.width);
  return rows < plan.window ? 0 : (rows - plan.window) / plan.in_step + 1;
}

/// Channels of a slice, channels packed at a time, and output rows of a block: neighbouring blocks
/// pack the rows between them twice, so that more rows are better.
void plan_channels(const PlanarJob& job, PlanarPlan& plan) {
  const size_t channels = job.x.channels;
  const size_t channel = plan.window * plan.width;
  const size_t window = job.y.channels > job.rows ? kWideWindowFloats : kWindowFloats;
  const size_t fit = std::max(kSliceStep, window / channel / kSliceStep * kSliceStep);
  const size_t most = std::max<size_t>(1, std::min({fit, kPlanarPackFloats / channel, channels}));
  plan.slice = std::min(most, round_up(divide_up(channels, divide_up(channels, most)), kSliceStep));

  // Packed slice by slice, sums of all rows of the block wait.
  const size_t sums = kPlanarSumFloats / (job.y.channels * plan.tile * plan.regions);
  const size_t by_slice = std::min(packed_rows(plan, plan.slice), sums);
  const size_t at_once = packed_rows(plan, channels);
  plan.packed = at_once >= by_slice ? channels : plan.slice;
  plan.block = std::min(plan.count_y, std::max(at_once, by_slice));
}

/// From a packed row to the next: an odd number of cache lines where there is room, so that rows
/// share no set of the first-level cache.
size_t plan_pitch(const PlanarPlan& plan) {
  const size_t dense = plan.packed * plan.width;
  const size_t rows = (plan.block - 1) * plan.in_step + plan.window;
  const size_t odd = (dense / kPanel | 1) * kPanel;
  return rows * odd <= kPlanarPackFloats ? odd : dense;
}

}  // namespace

PlanarJob make_planar_job(const PlanarTapsCommand& command, const Execution& run) {
  const PlanarMap y = resolve_planar(run, command.y);
  return {.run = run,
          .regions = run.program.regions.subspan(command.region_first, command.region_count),
          .x = resolve_planar(run, command.x),
          .y = y,
          .residual = resolve_planar(run, command.residual_view),
          .weights = resolve_constants(run, command.weights_view),
          .bias = resolve_constants(run, command.bias_view),
          .k_total = command.k_total,
          .rows = planar_rows(y.channels),
          .streams = y.stride_x == 1 && leaves(run, command.y),
          .activation = resolve_activation(command, run)};
}

PlanarPlan plan_planar(const PlanarJob& job) {
  PlanarPlan plan = measure(job);
  plan.tiles = divide_up(plan.count_x, kPlanarTile);
  plan.tile = round_up(divide_up(plan.count_x, plan.tiles), job.kernels().lanes);
  plan.width = round_up(plan.tile + plan.span, kPanel);
  plan.regions = plan_regions(job, plan.tile);
  plan_channels(job, plan);

  const size_t threads = job.run.pool.threads();
  const size_t columns = job.y.n * plan.tiles;
  const size_t wanted =
      std::min(threads > 1 ? kItemsPerThread * threads : 1, count_macs(job) / kMinItemMacs + 1);
  plan.blocks = std::min(plan.count_y,
                         std::max(divide_up(plan.count_y, plan.block), divide_up(wanted, columns)));
  plan.block = divide_up(plan.count_y, plan.blocks);
  plan.blocks = divide_up(plan.count_y, plan.block);
  plan.pitch = plan_pitch(plan);
  return plan;
}

}  // namespace untangle
