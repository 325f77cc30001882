// HUGE2 where weights are larger than maps, as in the first layers of generators: a product per
// phase (arXiv:1907.11210, section 3; untangling.md 1.5).
//
// What the taps of a phase read is gathered, pixel by pixel, into one matrix: few bytes beside the
// weights, and one product over all taps instead of many with a handful of pixels each.

#include <algorithm>

#include "native/gpu/planner.h"

namespace untangle::gpu {

namespace {

int as_int(uint64_t value) { return static_cast<int>(value); }

uint64_t depth_of(const RegionRecord& region) { return uint64_t{region.tap_count} * region.kc; }

/// Whether the rows of weights of a region's taps follow one another.
bool has_one_run(std::span<const TapRecord> taps, uint32_t kc) {
  for (size_t i = 1; i < taps.size(); i++) {
    if (taps[i].k != taps[0].k + i * kc) return false;
  }
  return !taps.empty() && kc > 0;
}

}  // namespace

/// Whether a swept command's patches are no more than its weights, which are read once in any case.
bool Planner::gathers_patches(const GemmTapsCommand& command, const GemmTapsParams& params) const {
  uint64_t patches = 0;
  for (const RegionRecord& region :
       program_.regions.subspan(command.region_first, command.region_count)) {
    const auto taps = program_.taps.subspan(region.tap_first, region.tap_count);
    if (!has_one_run(taps, region.kc)) return false;
    patches += uint64_t{pixel_count(region, params.y)} * depth_of(region) * params.groups;
  }
  return patches <= uint64_t{params.k_total} * params.groups * params.panels * kPanel;
}

void Planner::plan_patches(const GemmTapsCommand& command, GemmTapsParams& params) {
  const Regions regions = regions_of(command.region_first, command.region_count);
  const size_t first = plan_.tables.size();
  uint32_t patch_blocks = 0;
  const RegionTable patch_table = element_table(regions, patch_blocks, [&](const auto& region) {
    return uint64_t{pixel_count(region, params.y)} * depth_of(region) * params.groups;
  });
  uint32_t sum_blocks = 0;
  const RegionTable sum_table = output_table(regions, params.y, sum_blocks);
  float* patches = scratch((size_t{patch_blocks} + sum_blocks) * kThreads);
  float* sums = patches + size_t{patch_blocks} * kThreads;

  params.table = patch_table;
  params.partial = patches;
  launch(Kernel::patches, params, patch_blocks);
  for (uint32_t i = 0; i < command.region_count; i++) {
    const size_t patch_start = plan_.tables[first + i];
    const size_t sum_start = plan_.tables[first + command.region_count + 1 + i];
    patch_products(params, program_.regions[command.region_first + i],
                   patches + patch_start * kThreads, sums + sum_start * kThreads);
  }
  params.table = sum_table;
  params.partial = sums;
  launch(Kernel::patches_end, params, sum_blocks);
}

/// sums [pixels][groups][columns] = patches [groups][pixels][depth] x weights [depth][columns].
void Planner::patch_products(const GemmTapsParams& params, const RegionRecord& region,
                             const float* patches, float* sums) {
  const uint64_t pixels = pixel_count(region, params.y);
  const uint64_t depth = depth_of(region);
  if (pixels == 0) return;
  const uint32_t width = params.groups * params.panels * kPanel;  // of a row of weights
  const auto* weights = static_cast<const float*>(params.weights.first) +
                        size_t{program_.taps[region.tap_first].k} * width;
  for (uint32_t group = 0; group < params.groups; group++) {
    Product product{};
    product.m = as_int(params.columns);
    product.n = as_int(pixels);
    product.k = as_int(depth);
    product.a = weights + size_t{group} * params.panels * kPanel;
    product.lda = as_int(width);
    product.b = patches + group * pixels * depth;
    product.ldb = as_int(depth);
    product.c = sums + size_t{group} * params.columns;
    product.ldc = as_int(uint64_t{params.groups} * params.columns);
    product.batch = 1;
    product.adds = false;
    plan_.steps.emplace_back(product);
  }
}

}  // namespace untangle::gpu
