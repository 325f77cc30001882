// Validation of winograd: its windows, its kernels, and the memory of a block.

#include "native/program/packing.h"
#include "native/program/validate.h"

namespace untangle {
namespace {

/// Tiles for which there are kernels; F(3, 2) is not one, and tile 1, pairs, has 3 taps.
bool known_tile(uint32_t tile, uint32_t taps_y, uint32_t taps_x) {
  const auto known = [tile](uint32_t taps) {
    return taps == 1 || taps == 3 || (taps == 2 && tile != 3 && tile != 1);
  };
  return tile >= 1 && tile <= 4 && known(taps_y) && known(taps_x) && (taps_y > 1 || taps_x > 1);
}

uint64_t products(const WinogradCommand& command) {
  const auto along = [&command](uint64_t taps) {
    return (taps == 1 ? 1 : command.tile) + taps - 1;
  };
  return along(command.taps_y) * along(command.taps_x);
}

}  // namespace

bool Validator::winograd(const WinogradCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4) ||
      !unit_stride(command.x, 3) || !unit_stride(command.y, 3) || !exists(command.weights_view)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  if (!require(x[0] == y[0], "input and output differ in batch") ||
      !require(x[3] <= kMaxWinogradChannels, "its input has too many channels") ||
      !require(known_tile(command.tile, command.taps_y, command.taps_x),
               "there are no tiles of this size for its taps")) {
    return false;
  }
  const uint64_t padded = (uint64_t{y[3]} + kPanel - 1) / kPanel * kPanel;
  const uint64_t kernel = uint64_t{command.taps_y} * command.taps_x * x[3];
  const uint64_t panels = padded / kPanel;
  const uint64_t k_total = packed_rows(program_.views[command.weights_view], panels, kPanel);
  if (!require(k_total >= kernel, "its weights are no whole kernels") ||
      !packed(command.weights_view, panels, k_total, kPanel) ||
      !optional_flat(command.bias_view, padded) ||
      !epilogue(command.activation, command.residual_view, command.slope_view, command.y, padded) ||
      (command.residual_view != kNone && !unit_stride(command.residual_view, 3))) {
    return false;
  }
  // A tap stands for a kernel: the rows of its other taps follow.
  return regions(command.region_first, command.region_count,
                 {x, strides(command.x), y, k_total - kernel + x[3], 1, 1, 1, false}) &&
         winograd_windows(command) && winograd_memory(command);
}

/// Each region has one tap, at the window's first element; any part of the window may lie outside.
bool Validator::winograd_windows(const WinogradCommand& command) {
  for (const RegionRecord& region :
       program_.regions.subspan(command.region_first, command.region_count)) {
    if (!require(region.tap_count == 1 && region.kc == dims(command.x)[3] &&
                     region.flags == kRegionPadded && region.in_step_y >= 1 &&
                     region.in_step_x >= 1,
                 "a region is no window of one kernel")) {
      return false;
    }
    const TapRecord& tap = program_.taps[region.tap_first];
    if (!require(tap.dy == 0 && tap.dx == 0, "a region is no window of one kernel")) return false;
  }
  return true;
}

/// Scratch has room for a transformed kernel, and a tile unless the workspace has; or, with kernels
/// transformed on the way, for a tile.
bool Validator::winograd_memory(const WinogradCommand& command) {
  const uint64_t channels = dims(command.x)[3];
  const uint64_t padded = (uint64_t{dims(command.y)[3]} + kPanel - 1) / kPanel * kPanel;
  const uint64_t tile = products(command) * (channels + padded) + 2 * uint64_t{kWinogradGap};
  if (!writable(command.scratch_view)) return false;
  const uint64_t scratch = elements(command.scratch_view);
  if (!flat(command.scratch_view, scratch)) return false;
  const bool is_held = tile * sizeof(float) <= kWorkspaceBytes;
  const bool is_kept = is_held && scratch >= products(command) * channels * padded;
  return require(is_kept || scratch >= tile, "a tile does not fit its scratch");
}

}  // namespace untangle
