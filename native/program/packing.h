// How weights lie that are packed for planarTaps; as src/untangle/pack.ts has it.

#pragma once

#include <cstdint>

#include "native/program/format.h"

namespace untangle {

constexpr uint32_t planar_panels(uint32_t channels) {
  return (channels + kMaxPlanarRows - 1) / kMaxPlanarRows;
}

/// Output channels of a panel: at most kMaxPlanarRows, all panels equally wide.
constexpr uint32_t planar_rows(uint32_t channels) {
  return (channels + planar_panels(channels) - 1) / planar_panels(channels);
}

/// Columns of all panels; those past the last channel are zero.
constexpr uint32_t planar_columns(uint32_t channels) {
  const uint32_t rows = planar_rows(channels);
  return (channels + rows - 1) / rows * rows;
}

}  // namespace untangle
