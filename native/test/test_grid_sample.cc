// gridSample over random views and positions, hostile ones included, against plain loops.

#include <limits>

#include "native/test/op_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

/// Weight of pixel `index` for a position, linear.
float weight(float at, int64_t index) {
  return std::max(0.0f, 1.0f - std::abs(at - static_cast<float>(index)));
}

/// Linear, zeros outside, corners aligned: the sum over all pixels of the product of their weights.
float expected_value(const OpProgram& p, const GridSampleCommand& command, const uint32_t (&o)[4],
                     uint32_t channel) {
  const uint32_t* sizes = p.dims(command.x);
  const uint32_t axes = p.dims(command.grid_view)[4];
  float at[3] = {0, 0, 0};
  for (uint32_t a = 0; a < axes; a++) {
    const float g = p.arena[p.at(command.grid_view, {o[0], o[1], o[2], o[3], a})];
    at[a] = (g + 1.0f) / 2.0f * static_cast<float>(sizes[3 - a] - 1);
  }
  float sum = 0;
  for (uint32_t z = 0; z < sizes[1]; z++) {
    for (uint32_t y = 0; y < sizes[2]; y++) {
      for (uint32_t x = 0; x < sizes[3]; x++) {
        sum += weight(at[2], z) * weight(at[1], y) * weight(at[0], x) *
               p.arena[p.at(command.x, {o[0], z, y, x, channel})];
      }
    }
  }
  return sum;
}

void check_linear(uint32_t seed, uint32_t depth, uint32_t channels, Lay lay) {
  OpProgram p(seed);
  const uint32_t axes = depth == 1 ? 2 : 3;
  const uint32_t x = p.add({2, depth, 4, 5, channels}, lay);
  const uint32_t planes = axes == 3 ? 2u : 1u;
  const Lay writable = lay == Lay::kBroadcast ? Lay::kAny : lay;
  const uint32_t y = p.add({2, planes, 3, 6, channels}, writable);
  const size_t grid_start = p.arena.size();
  const uint32_t grid = p.add({2, planes, 3, 6, axes}, lay, 20);
  // Multiples of 1/16 from -1.25 to 1.25.
  const size_t end = p.arena.size();
  for (size_t i = grid_start; i < end; i++) p.arena[i] /= 16.0f;
  const GridSampleCommand command{Opcode::kGridSample,
                                  x,
                                  y,
                                  grid,
                                  static_cast<uint32_t>(GridMode::kLinear),
                                  static_cast<uint32_t>(GridPadding::kZeros),
                                  1,
                                  {}};
  std::vector<float> expected = p.arena;
  for (uint32_t n = 0; n < 2; n++) {
    for (uint32_t z = 0; z < planes; z++) {
      for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t j = 0; j < 6; j++) {
          const uint32_t at[4] = {n, z, i, j};
          for (uint32_t c = 0; c < channels; c++) {
            expected[p.at(y, {n, z, i, j, c})] = expected_value(p, command, at, c);
          }
        }
      }
    }
  }
  p.check(command, expected, "gridSample, linear", 1e-4);
}

/// Every mode and padding over positions that are not numbers, infinite or huge: with border or
/// reflection a map of ones gives ones; nothing outside the map is read (AddressSanitizer watches).
void check_hostile(GridMode mode, GridPadding padding, uint32_t align_corners, uint32_t size) {
  const float limit = std::numeric_limits<float>::max();
  const float infinity = std::numeric_limits<float>::infinity();
  const float hostile[] = {std::numeric_limits<float>::quiet_NaN(),
                           infinity,
                           -infinity,
                           limit,
                           -limit,
                           1e9f,
                           -1e9f,
                           40.0f};
  OpProgram p(7);
  const uint32_t x = p.add({1, 1, size, size, 3}, Lay::kContiguous);
  for (size_t i = 0; i < p.count(x); i++) p.arena[p.at_flat(x, i)] = 1.0f;
  const uint32_t y = p.add({1, 1, 8, 8, 3}, Lay::kContiguous);
  const uint32_t grid = p.add({1, 1, 8, 8, 2}, Lay::kContiguous);
  for (uint32_t i = 0; i < 8; i++) {
    for (uint32_t j = 0; j < 8; j++) {
      p.arena[p.at(grid, {0, 0, i, j, 0})] = hostile[j];
      p.arena[p.at(grid, {0, 0, i, j, 1})] = hostile[i];
    }
  }
  std::vector<float> expected = p.arena;
  for (size_t i = 0; i < p.count(y); i++) {
    expected[p.at_flat(y, i)] = padding == GridPadding::kZeros ? 0.0f : 1.0f;
  }
  p.check(GridSampleCommand{Opcode::kGridSample,
                            x,
                            y,
                            grid,
                            static_cast<uint32_t>(mode),
                            static_cast<uint32_t>(padding),
                            align_corners,
                            {}},
          expected, "gridSample, hostile", 1e-4);
}

}  // namespace

int main() {
  uint32_t seed = 1;
  for (const Lay lay : {Lay::kContiguous, Lay::kAny, Lay::kBroadcast}) {
    for (const uint32_t depth : {1u, 3u}) {
      for (const uint32_t channels : {1u, 5u, 40u}) check_linear(seed++, depth, channels, lay);
    }
  }
  for (const GridMode mode : {GridMode::kNearest, GridMode::kLinear, GridMode::kCubic}) {
    for (const GridPadding padding :
         {GridPadding::kZeros, GridPadding::kBorder, GridPadding::kReflection}) {
      for (const uint32_t align : {0u, 1u}) {
        // With corners aligned, every position of an axis of one pixel is that pixel.
        for (const uint32_t size : {align == 0 ? 1u : 2u, 3u, 5u}) {
          check_hostile(mode, padding, align, size);
        }
      }
    }
  }
  return summary();
}
