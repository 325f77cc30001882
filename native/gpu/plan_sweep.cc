// HUGE2: a product per tap, adding up in the output (arXiv:1907.11210, section 3;
// untangling.md 1.5).
//
// The rows of x that a tap reads are matrices where they lie, and so are the rows of y that it adds
// to: all rows are one batched product, nothing is copied. What falls outside x is left out.

#include <algorithm>

#include "native/gpu/planner.h"

namespace untangle::gpu {

namespace {

struct Span {
  int32_t first, last;

  bool empty() const { return first >= last; }
};

/// Those of [0, count) whose start + step * index lies in [0, size).
Span inside(int64_t start, int64_t step, int64_t count, int64_t size) {
  if (step == 0) return {0, static_cast<int32_t>(start >= 0 && start < size ? count : 0)};
  const int64_t first = start >= 0 ? 0 : (step - 1 - start) / step;
  const int64_t last = start >= size ? 0 : (size - start + step - 1) / step;
  return {static_cast<int32_t>(std::min(first, count)),
          static_cast<int32_t>(std::min(last, count))};
}

Span overlap(Span a, Span b) { return {std::max(a.first, b.first), std::min(a.last, b.last)}; }

int32_t as_signed(uint32_t value) { return static_cast<int32_t>(value); }

}  // namespace

/// Whether a command asks to be swept and products can do it.
bool Planner::can_sweep(const GemmTapsCommand& command, const GemmTapsParams& params) {
  const auto regions = program_.regions.subspan(command.region_first, command.region_count);
  const bool asks = std::any_of(regions.begin(), regions.end(), is_swept);
  if (!asks || command.fused_y * command.fused_x > 1 || !device_.has_cublas) return false;
  if (plan_.layout.has_half_arena) return false;  // cuBLAS would round every tap's sum to halves
  // A row of B has to end before the next one begins; a single one has none after it.
  const bool fits = std::all_of(regions.begin(), regions.end(), [&](const RegionRecord& region) {
    return region.count_x == 1 ||
           int64_t{params.x.stride_x} * region.in_step_x >= int64_t{region.kc};
  });
  if (!fits || reads_elsewhere(command.weights_view)) return false;
  plan_.has_products = true;
  plan_.row_weights.push_back({program_.views[command.weights_view].offset_bytes / sizeof(float),
                               command.groups, params.panels, command.k_total});
  return true;
}

/// Whether weights have to stay in panels: they are no constants, or somebody else reads them too.
bool Planner::reads_elsewhere(uint32_t weights_view) const {
  const ViewRecord& own = program_.views[weights_view];
  if (own.slot != kSlotConstants) return true;
  const Reach mine = reach_of(own);
  for (uint32_t i = 0; i < program_.views.size(); i++) {
    if (i == weights_view || program_.views[i].slot != kSlotConstants) continue;
    const Reach other = reach_of(program_.views[i]);
    if (other.first < mine.last && mine.first < other.last) return true;
  }
  uint32_t users = 0;
  for (size_t i = 0; i < command_count(program_); i++) {
    const std::byte* command = program_.commands.data() + i * kCommandBytes;
    if (as<Opcode>(command) != Opcode::kGemmTaps) continue;
    users += as<GemmTapsCommand>(command).weights_view == weights_view ? 1 : 0;
  }
  return users > 1;
}

void Planner::plan_sweep(const GemmTapsCommand& command, GemmTapsParams& params) {
  uint32_t blocks = 0;
  params.table =
      output_table(regions_of(command.region_first, command.region_count), params.y, blocks);
  launch(Kernel::sweep_begin, params, blocks);
  for (const RegionRecord& region :
       program_.regions.subspan(command.region_first, command.region_count)) {
    for (const TapRecord& tap : program_.taps.subspan(region.tap_first, region.tap_count)) {
      sweep_tap(params, region, tap);
    }
  }
  if (static_cast<Unary>(command.activation) != Unary::kIdentity) {
    launch(Kernel::sweep_end, params, blocks);
  }
}

/// y += x * w for the outputs for which the tap lies inside x.
void Planner::sweep_tap(const GemmTapsParams& params, const RegionRecord& region,
                        const TapRecord& tap) {
  const Map& x = params.x;
  const Map& y = params.y;
  const Span rows =
      overlap(inside(int64_t{region.in_y} + tap.dy, region.in_step_y, region.count_y, x.height),
              inside(region.out_y, region.out_step_y, region.count_y, y.height));
  const Span columns =
      overlap(inside(int64_t{region.in_x} + tap.dx, region.in_step_x, region.count_x, x.width),
              inside(region.out_x, region.out_step_x, region.count_x, y.width));
  if (rows.empty() || columns.empty() || region.kc == 0) return;
  const int32_t in_y = region.in_y + tap.dy + rows.first * as_signed(region.in_step_y);
  const int32_t in_x = region.in_x + tap.dx + columns.first * as_signed(region.in_step_x);
  const int32_t out_y = region.out_y + rows.first * as_signed(region.out_step_y);
  const int32_t out_x = region.out_x + columns.first * as_signed(region.out_step_x);
  const uint32_t width = params.groups * params.panels * kPanel;  // of a row of weights
  for (int32_t image = 0; image < y.n; image++) {
    for (uint32_t group = 0; group < params.groups; group++) {
      Product product{};
      product.m = as_signed(params.columns);
      product.n = columns.last - columns.first;
      product.k = as_signed(region.kc);
      product.a = static_cast<const float*>(params.weights.first) + size_t{tap.k} * width +
                  size_t{group} * params.panels * kPanel;
      product.lda = as_signed(width);
      product.b = static_cast<const float*>(x.values.first) + image * x.stride_n +
                  in_y * x.stride_y + in_x * x.stride_x + as_signed(group * params.group_inputs);
      product.ldb = std::max(x.stride_x * as_signed(region.in_step_x), product.k);
      product.stride_b = int64_t{x.stride_y} * region.in_step_y;
      product.c = static_cast<float*>(y.values.first) + image * y.stride_n + out_y * y.stride_y +
                  out_x * y.stride_x + as_signed(group * params.group_outputs);
      product.ldc = std::max(y.stride_x * as_signed(region.out_step_x), product.m);
      product.stride_c = int64_t{y.stride_y} * region.out_step_y;
      product.batch = rows.last - rows.first;
      product.adds = true;
      plan_.steps.emplace_back(product);
    }
  }
}

}  // namespace untangle::gpu
