// pool and resize over random views, against plain loops.

#include <algorithm>
#include <limits>

#include "native/test/op_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

struct PoolAxis {
  uint32_t kernel, stride, dilation, begin, end;
  uint32_t outputs(uint32_t size) const {
    const int64_t room = int64_t{size} + begin + end - int64_t{kernel - 1} * dilation - 1;
    return room < 0 ? 0 : static_cast<uint32_t>((room + stride - 1) / stride + 1);  // ceil_mode
  }
};

float pool_value(const OpProgram& p, const PoolCommand& command, uint32_t n, uint32_t oy,
                 uint32_t ox, uint32_t c) {
  const int64_t height = p.dims(command.x)[1];
  const int64_t width = p.dims(command.x)[2];
  float best = -std::numeric_limits<float>::infinity();
  float sum = 0;
  int real = 0;
  int padded = 0;
  for (uint32_t ky = 0; ky < command.kernel_y; ky++) {
    for (uint32_t kx = 0; kx < command.kernel_x; kx++) {
      const int64_t iy = int64_t{oy} * command.stride_y + ky * command.dilation_y - command.pad_top;
      const int64_t ix =
          int64_t{ox} * command.stride_x + kx * command.dilation_x - command.pad_left;
      if (iy < height + command.pad_bottom && ix < width + command.pad_right) padded++;
      if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
      const float value =
          p.arena[p.at(command.x, {n, static_cast<uint32_t>(iy), static_cast<uint32_t>(ix), c})];
      best = std::max(best, value);
      sum += value;
      real++;
    }
  }
  if (static_cast<Pool>(command.fn) == Pool::kMax) return best;
  return sum / static_cast<float>(command.count_include_pad != 0 ? padded : real);
}

void check_pool(uint32_t seed, uint32_t height, uint32_t width, uint32_t channels, Lay lay) {
  OpProgram p(seed);
  const auto axis = [&p] {
    return PoolAxis{p.random.between(1, 4), p.random.between(1, 3), p.random.between(1, 2),
                    p.random.below(3), p.random.below(3)};
  };
  const PoolAxis rows = axis();
  const PoolAxis columns = axis();
  const uint32_t out_height = rows.outputs(height);
  const uint32_t out_width = columns.outputs(width);
  if (out_height == 0 || out_width == 0) return;
  const uint32_t x = p.add({2, height, width, channels}, lay);
  const uint32_t y =
      p.add({2, out_height, out_width, channels}, lay == Lay::kBroadcast ? Lay::kAny : lay);
  const PoolCommand command{Opcode::kPool,
                            x,
                            y,
                            p.random.below(2),
                            rows.kernel,
                            columns.kernel,
                            rows.stride,
                            columns.stride,
                            rows.dilation,
                            columns.dilation,
                            rows.begin,
                            columns.begin,
                            rows.end,
                            columns.end,
                            p.random.below(2),
                            {}};
  std::vector<float> expected = p.arena;
  for (uint32_t n = 0; n < 2; n++) {
    for (uint32_t i = 0; i < out_height * out_width * channels; i++) {
      const uint32_t c = i % channels;
      const uint32_t ox = i / channels % out_width;
      const uint32_t oy = i / channels / out_width;
      expected[p.at(y, {n, oy, ox, c})] = pool_value(p, command, n, oy, ox, c);
    }
  }
  p.check(command, expected, "pool " + std::to_string(seed), 1e-6);
}

struct ResizeTaps {
  uint32_t taps = 0;
  uint32_t first = 0;
  uint32_t weights = kNone;
};

/// Weights are halves, so that sums are exact.
ResizeTaps add_taps(OpProgram& p, uint32_t taps, uint32_t in, uint32_t out) {
  if (taps == 0) return {};
  const ResizeTaps axis{taps, static_cast<uint32_t>(p.indices.size()),
                        p.add({out * taps}, Lay::kContiguous, 2)};
  for (uint32_t i = 0; i < out * taps; i++)
    p.indices.push_back(static_cast<int32_t>(p.random.below(in)));
  for (uint32_t i = 0; i < out * taps; i++) p.arena[p.at(axis.weights, {i})] *= 0.5f;
  return axis;
}

void check_resize(uint32_t seed, uint32_t channels, uint32_t taps_y, uint32_t taps_x, Lay lay) {
  OpProgram p(seed);
  const uint32_t in[] = {p.random.between(1, 12), p.random.between(1, 12)};
  const uint32_t out[] = {taps_y == 0 ? in[0] : p.random.between(1, 30),
                          taps_x == 0 ? in[1] : p.random.between(1, 30)};
  const uint32_t x = p.add({2, in[0], in[1], channels}, lay);
  const uint32_t y = p.add({2, out[0], out[1], channels}, lay == Lay::kBroadcast ? Lay::kAny : lay);
  const ResizeTaps rows = add_taps(p, taps_y, in[0], out[0]);
  const ResizeTaps columns = add_taps(p, taps_x, in[1], out[1]);
  const auto tap = [&p](const ResizeTaps& axis, uint32_t o, uint32_t t) {
    return axis.taps == 0 ? o : static_cast<uint32_t>(p.indices[axis.first + o * axis.taps + t]);
  };
  const auto weight = [&p](const ResizeTaps& axis, uint32_t o, uint32_t t) {
    return axis.taps == 0 ? 1.0f : p.arena[p.at(axis.weights, {o * axis.taps + t})];
  };
  std::vector<float> expected = p.arena;
  for (uint32_t i = 0; i < p.count(y); i++) {
    const uint32_t c = i % channels;
    const uint32_t ox = i / channels % out[1];
    const uint32_t oy = i / channels / out[1] % out[0];
    const uint32_t n = i / channels / out[1] / out[0];
    float sum = 0;
    for (uint32_t ty = 0; ty < std::max(1u, taps_y); ty++) {
      for (uint32_t tx = 0; tx < std::max(1u, taps_x); tx++) {
        sum += weight(rows, oy, ty) * weight(columns, ox, tx) *
               p.arena[p.at(x, {n, tap(rows, oy, ty), tap(columns, ox, tx), c})];
      }
    }
    expected[p.at(y, {n, oy, ox, c})] = sum;
  }
  p.check(ResizeCommand{Opcode::kResize,
                        x,
                        y,
                        taps_y,
                        taps_x,
                        rows.first,
                        columns.first,
                        rows.weights,
                        columns.weights,
                        {}},
          expected, "resize " + std::to_string(seed));
}

}  // namespace

int main() {
  Random random(13);
  for (uint32_t seed = 0; seed < 150; seed++) {
    const Lay lay = seed % 2 == 0 ? Lay::kContiguous : Lay::kBroadcast;
    check_pool(seed, random.between(1, 9), random.between(1, 9), random.between(1, 20), lay);
    check_resize(seed, random.between(1, 20), random.below(5), random.below(5), lay);
  }
  check_pool(1000, 60, 50, 33, Lay::kContiguous);
  check_resize(1000, 70, 2, 2, Lay::kContiguous);
  check_resize(1001, 5, 9, 9, Lay::kContiguous);
  return summary();
}
