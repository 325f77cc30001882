// Convolutions as launches.

#include "native/gpu/planner.h"
#include "native/gpu/tiles.h"
#include "native/program/packing.h"

namespace untangle::gpu {

namespace {

bool is_multiple_of_four(int64_t value) { return value % 4 == 0; }

}  // namespace

void Planner::plan_gemm_taps(const GemmTapsCommand& command) {
  GemmTapsParams params = gemm_params(command);
  if (can_sweep(command, params)) {
    params.weights = resolve(command.weights_view).values();  // cuBLAS has them in f32
    return gathers_patches(command, params) ? plan_patches(command, params)
                                            : plan_sweep(command, params);
  }
  params.weights = operand(command.weights_view).values();
  plan_tiles(regions_of(command.region_first, command.region_count), params);
}

GemmTapsParams Planner::gemm_params(const GemmTapsCommand& command) {
  GemmTapsParams params{};
  set_operands(command, params);
  params.k_total = command.k_total;
  params.groups = command.groups;
  params.group_inputs = static_cast<uint32_t>(params.x.channels) / command.groups;
  params.group_outputs = static_cast<uint32_t>(params.y.channels) / command.groups;
  params.fused_y = command.fused_y;
  params.fused_x = command.fused_x;
  params.columns = params.group_outputs * command.fused_y * command.fused_x;
  params.panels = (params.columns + kPanel - 1) / kPanel;
  return params;
}

/// One launch for all regions, and one more where sums are split.
void Planner::plan_tiles(const Regions& regions, GemmTapsParams& params) {
  std::vector<RegionProduct> products;
  const size_t quad_bytes = 4 * (params.x.values.is_half != 0 ? sizeof(uint16_t) : sizeof(float));
  bool has_quads =
      reinterpret_cast<uintptr_t>(params.x.values.first) % quad_bytes == 0 &&
      is_multiple_of_four(params.x.stride_n) && is_multiple_of_four(params.x.stride_y) &&
      is_multiple_of_four(params.x.stride_x) && is_multiple_of_four(params.group_inputs);
  for (const RegionRecord& region : regions.records) {
    const uint32_t chunks = (region.kc + kStepDepth - 1) / kStepDepth;
    products.push_back({pixel_count(region, params.y), region.tap_count * chunks});
    has_quads = has_quads && is_multiple_of_four(region.kc);
  }
  params.vectors = has_quads ? 1 : 0;

  const TileChoice choice =
      choose_tile(products, params.columns, params.groups, device_.multiprocessors, precision_);
  const TileShape& shape = *choice.shape;
  uint32_t blocks = 0;
  params.table = region_table(regions, blocks, [&](const RegionRecord& region) {
    return tile_count(shape, pixel_count(region, params.y), params.columns, params.groups);
  });
  params.blocks = blocks;
  params.splits = choice.splits;
  if (choice.splits > 1) {
    params.partial = scratch(size_t{choice.splits} * blocks * shape.rows * shape.columns);
  }
  launch(shape.multiply, params, blocks, choice.splits);
  if (choice.splits > 1) launch(shape.finish, params, blocks);
}

void Planner::plan_depthwise(const DepthwiseCommand& command) {
  DepthwiseParams params{};
  set_operands(command, params);
  params.weights = flat(command.weights_view);
  uint32_t blocks = 0;
  params.table =
      output_table(regions_of(command.region_first, command.region_count), params.y, blocks);
  launch(Kernel::depthwise, params, blocks);
}

void Planner::plan_planar_taps(const PlanarTapsCommand& command) {
  PlanarTapsParams params{};
  set_operands(command, params);
  params.weights = flat(command.weights_view);
  params.k_total = command.k_total;
  params.rows = planar_rows(static_cast<uint32_t>(params.y.channels));
  uint32_t blocks = 0;
  params.table =
      output_table(regions_of(command.region_first, command.region_count), params.y, blocks);
  launch(Kernel::planar_taps, params, blocks);
}

}  // namespace untangle::gpu
