// winograd on a GPU: the products of the convolution itself, as gemmTaps has them.
//
// Its weights are packed as they are, tap after tap, and are transformed by the CPU's executor.
// What a region reads and writes is known without its tiles: each becomes one of gemmTaps, with all
// taps of its window.

#include "native/gpu/planner.h"
#include "native/program/packing.h"

namespace untangle::gpu {
namespace {

/// Where the first tap along an axis reads: a pair's window is without what lies outside the map.
int32_t first_tap(uint32_t tile, uint32_t taps) { return tile == 1 && taps > 1 ? -1 : 0; }

}  // namespace

void Planner::plan_winograd(const WinogradCommand& command) {
  GemmTapsParams params{};
  set_operands(command, params);
  params.groups = params.fused_y = params.fused_x = 1;
  params.group_inputs = static_cast<uint32_t>(params.x.channels);
  params.columns = params.group_outputs = static_cast<uint32_t>(params.y.channels);
  params.panels = (params.columns + kPanel - 1) / kPanel;
  params.k_total = static_cast<uint32_t>(
      packed_rows(program_.views[command.weights_view], params.panels, kPanel));
  params.weights = operand(command.weights_view).values();

  const auto windows = program_.regions.subspan(command.region_first, command.region_count);
  std::vector<RegionRecord> regions(windows.begin(), windows.end());
  std::vector<TapRecord> taps;
  for (RegionRecord& region : regions) {
    uint32_t k = program_.taps[region.tap_first].k;
    region.tap_first = static_cast<uint32_t>(taps.size());
    region.tap_count = command.taps_y * command.taps_x;
    for (uint32_t ty = 0; ty < command.taps_y; ty++) {
      for (uint32_t tx = 0; tx < command.taps_x; tx++, k += region.kc) {
        const int32_t y = first_tap(command.tile, command.taps_y) + static_cast<int32_t>(ty);
        const int32_t x = first_tap(command.tile, command.taps_x) + static_cast<int32_t>(tx);
        taps.push_back({y * static_cast<int32_t>(region.in_step_y),
                        x * static_cast<int32_t>(region.in_step_x), k, 0});
      }
    }
  }
  plan_tiles({regions, table_of<RegionRecord>(regions), table_of<TapRecord>(taps)}, params);
}

}  // namespace untangle::gpu
