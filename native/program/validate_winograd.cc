// Validation of winograd: tiles, steps, and the memory of a block.

#include "native/program/validate.h"

namespace untangle {
namespace {

// Pixels and steps are small numbers: tiles may start past a map, but not far.
constexpr uint32_t kMaxStep = 1u << 20;
constexpr uint64_t kGap = 16;

}  // namespace

bool Validator::winograd(const WinogradCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4) ||
      !unit_stride(command.x, 3) || !unit_stride(command.y, 3) || !readable(command.weights_view)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  if (!require(x[0] == y[0], "input and output differ in batch") ||
      !require(x[1] <= kMaxStep && x[2] <= kMaxStep && y[1] <= kMaxStep && y[2] <= kMaxStep,
               "a map is too large") ||
      !require(x[3] <= kMaxWinogradChannels, "its input has too many channels") ||
      !require(command.tile == 2 || command.tile == 4, "its tile is not 2 or 4") ||
      !require(command.dilation_y >= 1 && command.dilation_y <= kMaxStep &&
                   command.dilation_x >= 1 && command.dilation_x <= kMaxStep &&
                   command.pad_top <= kMaxStep && command.pad_left <= kMaxStep,
               "its steps are out of range")) {
    return false;
  }
  const uint64_t inputs = uint64_t{command.tile} + 2;
  const uint64_t padded = (uint64_t{y[3]} + kPanel - 1) / kPanel * kPanel;
  // At most 36 * 2048 * 2^32: far from wrapping around.
  return flat(command.weights_view, inputs * inputs * x[3] * padded) &&
         optional_flat(command.bias_view, padded) &&
         epilogue(command.activation, command.residual_view, command.slope_view, command.y,
                  padded) &&
         (command.residual_view == kNone || unit_stride(command.residual_view, 3)) &&
         winograd_memory(command);
}

/// At least one tile fits its block.
bool Validator::winograd_memory(const WinogradCommand& command) {
  const uint64_t inputs = uint64_t{command.tile} + 2;
  const uint64_t padded = (uint64_t{dims(command.y)[3]} + kPanel - 1) / kPanel * kPanel;
  const uint64_t tile = inputs * inputs * (dims(command.x)[3] + padded) + 2 * kGap;
  if (command.scratch_view == kNone) {
    return require(tile * sizeof(float) <= kWorkspaceBytes, "a tile does not fit the workspace");
  }
  if (!writable(command.scratch_view)) return false;
  uint64_t elements = 1;  // views() bounds the product
  for (uint32_t d = 0; d < 6; d++) elements *= dims(command.scratch_view)[d];
  return flat(command.scratch_view, elements) &&
         require(elements >= tile, "a tile does not fit its scratch");
}

}  // namespace untangle
