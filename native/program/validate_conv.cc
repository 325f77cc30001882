// Validation of gemmTaps, planarTaps and depthwise: regions, taps and packed weights.

#include <algorithm>

#include "native/program/packing.h"
#include "native/program/validate.h"

namespace untangle {
namespace {

// Pixels and steps are small numbers; kernels may compute with them in 32 bits.
constexpr int64_t kMaxPixel = int64_t{1} << 28;

// Regions may share lists of taps, each of which is checked for each region.
constexpr uint64_t kMaxTapChecks = uint64_t{1} << 24;

bool small(int64_t value) { return value >= -kMaxPixel && value <= kMaxPixel; }

}  // namespace

bool Validator::gemm_taps(const GemmTapsCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4) ||
      !unit_stride(command.x, 3) || !unit_stride(command.y, 3) || !exists(command.weights_view)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  const uint64_t groups = command.groups;
  if (!require(x[0] == y[0], "input and output differ in batch") ||
      !require(groups >= 1 && x[3] % groups == 0 && y[3] % groups == 0,
               "the groups do not divide the channels") ||
      !require(command.fused_y >= 1 && command.fused_x >= 1 && small(command.fused_y) &&
                   small(command.fused_x),
               "its fused phases are out of range") ||
      !require(command.k_total >= 1, "it has no weights")) {
    return false;
  }
  // Each factor and partial product is checked, so that none of them wraps around.
  uint64_t columns = 0;
  uint64_t padded = 0;
  uint64_t weights = 0;
  const uint64_t phases = uint64_t{command.fused_y} * command.fused_x;
  if (__builtin_mul_overflow(phases, y[3] / groups, &columns) || columns > UINT32_MAX ||
      __builtin_mul_overflow((columns + kPanel - 1) / kPanel * kPanel, groups, &padded) ||
      __builtin_mul_overflow(padded, uint64_t{command.k_total} + sizeof(float), &weights)) {
    return fail("its weights are larger than any file");
  }
  if (!packed(command.weights_view, padded / kPanel, command.k_total, kPanel) ||
      !optional_flat(command.bias_view, padded) ||
      !epilogue(command.activation, command.residual_view, command.slope_view, command.y, padded) ||
      (command.residual_view != kNone && !unit_stride(command.residual_view, 3))) {
    return false;
  }
  return regions(command.region_first, command.region_count,
                 {x, strides(command.x), y, command.k_total, command.groups, command.fused_y,
                  command.fused_x, false});
}

bool Validator::depthwise(const DepthwiseCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4) ||
      !unit_stride(command.x, 3) || !unit_stride(command.y, 3) || !readable(command.weights_view)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  if (!require(x[0] == y[0] && x[3] == y[3], "input and output differ in batch or channels")) {
    return false;
  }
  const uint64_t weights = elements(command.weights_view);
  if (!require(weights % x[3] == 0, "its weights are not whole rows of channels") ||
      !flat(command.weights_view, weights) || !optional_flat(command.bias_view, x[3]) ||
      !epilogue(command.activation, command.residual_view, command.slope_view, command.y, x[3]) ||
      (command.residual_view != kNone && !unit_stride(command.residual_view, 3))) {
    return false;
  }
  return regions(command.region_first, command.region_count,
                 {x, strides(command.x), y, weights / x[3], x[3], 1, 1, true});
}

bool Validator::planar_taps(const PlanarTapsCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4) ||
      !readable(command.weights_view)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  if (!require(x[0] == y[0], "input and output differ in batch") ||
      !require(y[3] >= 1 && y[3] <= kMaxPlanarChannels, "it has too many output channels") ||
      !require(command.k_total >= 1, "it has no weights") ||
      !flat(command.weights_view, uint64_t{command.k_total} * planar_columns(y[3])) ||
      !optional_flat(command.bias_view, y[3]) ||
      !epilogue(command.activation, command.residual_view, command.slope_view, command.y, y[3])) {
    return false;
  }
  return regions(command.region_first, command.region_count,
                 {x, strides(command.x), y, command.k_total, 1, 1, 1, false}) &&
         planar_window(command);
}

/// The executor packs one window of x for all regions: they move alike, and it is small.
bool Validator::planar_window(const PlanarTapsCommand& command) {
  const auto regions = program_.regions.subspan(command.region_first, command.region_count);
  int64_t low[2] = {INT64_MAX, INT64_MAX};
  int64_t high[2] = {INT64_MIN, INT64_MIN};
  for (const RegionRecord& region : regions) {
    if (!require((region.flags & (kRegionPerTap | kRegionCropped)) == 0 && region.in_step_x == 1 &&
                     region.in_step_y >= 1 && region.in_step_y == regions[0].in_step_y,
                 "its regions do not read whole rows alike")) {
      return false;
    }
    if (region.tap_count == 0) continue;
    if (!require(region.kc == dims(command.x)[3], "a tap is not all channels of a pixel"))
      return false;
    for (const TapRecord& tap : program_.taps.subspan(region.tap_first, region.tap_count)) {
      const int64_t at[2] = {int64_t{region.in_y} + tap.dy, int64_t{region.in_x} + tap.dx};
      for (int axis = 0; axis < 2; axis++) {
        low[axis] = std::min(low[axis], at[axis]);
        high[axis] = std::max(high[axis], at[axis]);
      }
    }
  }
  if (high[0] < low[0]) return true;  // no taps at all
  const int64_t width = (kPlanarTile + high[1] - low[1] + kPanel - 1) / kPanel * kPanel;
  return require((high[0] - low[0] + 1) * width <= int64_t{kMaxPlanarWindow},
                 "its taps lie too far apart");
}

bool Validator::regions(uint32_t first, uint32_t count, const Sweep& sweep) {
  if (!require(count >= 1 && uint64_t{first} + count <= program_.regions.size(),
               "its regions lie outside their section")) {
    return false;
  }
  regions_used_ += count;
  if (!require(regions_used_ <= program_.regions.size(), "its regions are used twice"))
    return false;
  for (uint32_t i = 0; i < count; i++) {
    if (!region(program_.regions[first + i], sweep)) return false;
  }
  return true;
}

bool Validator::region(const RegionRecord& region, const Sweep& sweep) {
  const bool bounded = region.count_y >= 1 && region.count_x >= 1 && region.out_step_y >= 1 &&
                       region.out_step_x >= 1 && small(region.count_y) && small(region.count_x) &&
                       small(region.out_step_y) && small(region.out_step_x) &&
                       small(region.in_step_y) && small(region.in_step_x) && small(region.out_y) &&
                       small(region.out_x) && small(region.in_y) && small(region.in_x);
  if (!require(bounded, "a region is empty or out of range")) return false;

  const int64_t last_y =
      region.out_y + (int64_t{region.count_y} - 1) * region.out_step_y + sweep.fused_y - 1;
  const int64_t last_x =
      region.out_x + (int64_t{region.count_x} - 1) * region.out_step_x + sweep.fused_x - 1;
  const int64_t last_in_y = region.in_y + (int64_t{region.count_y} - 1) * region.in_step_y;
  const int64_t last_in_x = region.in_x + (int64_t{region.count_x} - 1) * region.in_step_x;
  if (!require(small(last_y) && small(last_x) && small(last_in_y) && small(last_in_x),
               "a region is out of range")) {
    return false;
  }
  // What is cropped away is computed all the same.
  if (!require(region.count_y <= uint64_t{sweep.y[1]} + sweep.fused_y &&
                   region.count_x <= uint64_t{sweep.y[2]} + sweep.fused_x,
               "a region has more pixels than its output")) {
    return false;
  }
  if ((region.flags & kRegionCropped) == 0 &&
      !require(region.out_y >= 0 && region.out_x >= 0 && last_y < int64_t{sweep.y[1]} &&
                   last_x < int64_t{sweep.y[2]},
               "a region writes outside its output")) {
    return false;
  }
  return region_taps(region, sweep);
}

bool Validator::region_taps(const RegionRecord& region, const Sweep& sweep) {
  if (!require(uint64_t{region.tap_first} + region.tap_count <= program_.taps.size(),
               "its taps lie outside their section")) {
    return false;
  }
  if (region.tap_count == 0) return true;  // bias only
  if (!require((tap_checks_ += region.tap_count) <= kMaxTapChecks,
               "the regions of all commands have too many taps") ||
      !require(region.kc >= 1 && (!sweep.depthwise || region.kc == 1),
               "a region's channels per tap are out of range")) {
    return false;
  }
  for (uint32_t i = 0; i < region.tap_count; i++) {
    const TapRecord& tap = program_.taps[region.tap_first + i];
    if (!require(uint64_t{tap.k} + region.kc <= sweep.k_total,
                 "a tap's weights lie past the last row") ||
        !tap_reads(region, tap, sweep)) {
      return false;
    }
  }
  return true;
}

bool Validator::tap_reads(const RegionRecord& region, const TapRecord& tap, const Sweep& sweep) {
  if (!require(small(tap.dy) && small(tap.dx), "a tap is out of range")) return false;
  const int64_t first_y = int64_t{region.in_y} + tap.dy;
  const int64_t first_x = int64_t{region.in_x} + tap.dx;
  const int64_t last_y = first_y + (int64_t{region.count_y} - 1) * region.in_step_y;
  const int64_t last_x = first_x + (int64_t{region.count_x} - 1) * region.in_step_x;
  if (!require(small(last_y) && small(last_x), "a tap is out of range")) return false;

  const bool clipped = (region.flags & (kRegionPadded | kRegionPerTap)) != 0;
  const int64_t channels = sweep.depthwise ? 1 : sweep.x[3] / sweep.groups;
  const bool merged = region.kc > channels;
  const bool inside_y = first_y >= 0 && last_y < int64_t{sweep.x[1]};
  const bool inside_x = first_x >= 0 && last_x < int64_t{sweep.x[2]};
  if (!require(clipped || inside_y, "a tap reads outside its input") ||
      !require((clipped && !merged) || inside_x, "a tap reads outside its input")) {
    return false;
  }
  if (!merged) return true;

  // A run of taps goes on into the next pixels of the row and has to end with it.
  const int64_t stride = sweep.x_strides[2];
  const int64_t row_end = (int64_t{sweep.x[2]} - 1) * stride + sweep.x[3];
  const int64_t read_end = last_x * stride + (int64_t{sweep.groups} - 1) * channels + region.kc;
  return require(stride >= 0 && read_end <= row_end, "a run of taps reads past its row");
}

}  // namespace untangle
