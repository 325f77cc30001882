// Programs of one winograd command, built by hand, and what they should compute by plain loops.

#pragma once

#include <cmath>
#include <limits>

#include "native/test/conv_program.h"

namespace untangle::test {

/// Every output phase of `strides` has a kernel of its own; each is dilated.
struct WinogradCase {
  const char* name;
  uint32_t tile = 2;
  uint32_t taps_y = 3;
  uint32_t taps_x = 3;
  Shape x = {};
  Shape y = {};
  uint32_t stride_y = 1;
  uint32_t stride_x = 1;
  uint32_t dilation_y = 1;
  uint32_t dilation_x = 1;
  int32_t pad_top = 1;
  int32_t pad_left = 1;
  Unary activation = Unary::kIdentity;
  bool bias = true;
  bool residual = false;
  bool in_place = false;

  size_t products_y() const { return (taps_y == 1 ? 1 : tile) + taps_y - 1; }
  size_t products_x() const { return (taps_x == 1 ? 1 : tile) + taps_x - 1; }
  size_t products() const { return products_y() * products_x(); }
  /// Pairs (tile 1) begin with the pixel under their first output, others with their first tap's.
  int32_t first_y() const { return tile == 1 && taps_y > 1 ? static_cast<int32_t>(dilation_y) : 0; }
  int32_t first_x() const { return tile == 1 && taps_x > 1 ? static_cast<int32_t>(dilation_x) : 0; }
  size_t taps() const { return size_t{taps_y} * taps_x; }
  size_t phases() const { return size_t{stride_y} * stride_x; }
  size_t padded() const { return (y.channels + kPanel - 1) / kPanel * kPanel; }
  size_t tile_floats() const { return products() * (x.channels + padded()) + 32; }
  size_t weight_floats() const { return phases() * taps() * x.channels * padded(); }
  /// Of a transformed kernel.
  size_t kernel_floats() const { return products() * x.channels * padded(); }
};

/// The most that values grow along an axis.
inline double growth(uint32_t tile, uint32_t taps) {
  if (taps == 1) return 1;
  if (tile == 1) return 4;
  if (tile == 2) return taps == 2 ? 4 : 8;
  if (tile == 3) return 21;
  return taps == 2 ? 16.7 : 24.9;
}

/// Multiples of 1/64 in [-1, 1].
inline std::vector<float> fractions(size_t count, uint32_t seed) {
  std::vector<float> values = integers(count, seed, 64);
  for (float& value : values) value /= 64;
  return values;
}

/// A spare channel per pixel shows reads and writes past the end of a pixel.
inline size_t pitch(const Shape& s) { return s.channels + 1; }
inline size_t floats(const Shape& s) { return size_t{s.n} * s.height * s.width * pitch(s); }

inline ViewRecord map(size_t at, const Shape& s) {
  ViewRecord view{kSlotArena, static_cast<uint32_t>(at * 4),
                  4,          0,
                  s.n,        s.height,
                  s.width,    s.channels,
                  1,          1,
                  0,          0,
                  0,          1,
                  0,          0};
  view.stride2 = static_cast<int32_t>(pitch(s));
  view.stride1 = static_cast<int32_t>(s.width) * view.stride2;
  view.stride0 = static_cast<int32_t>(s.height) * view.stride1;
  return view;
}

inline ViewRecord flat(uint32_t slot, size_t at, size_t count) {
  ViewRecord view{};
  view.slot = slot;
  view.offset_bytes = static_cast<uint32_t>(at * 4);
  view.rank = 1;
  view.dim0 = static_cast<uint32_t>(count);
  view.dim1 = view.dim2 = view.dim3 = view.dim4 = view.dim5 = 1;
  view.stride0 = 1;
  return view;
}

/// Arena: x, residual, y and the scratch at its very end.
class WinogradProgram {
 public:
  explicit WinogradProgram(const WinogradCase& c) : case_(c) {
    arena_ = fractions(floats(c.x) + 2 * floats(c.y), 1);
    for (size_t i = c.x.channels; i < floats(c.x); i += pitch(c.x)) arena_[i] = kNan;
    kernel_ = fractions(c.phases() * c.taps() * c.x.channels * c.y.channels, 2);
    bias_ = fractions(c.padded(), 3);
    slope_ = fractions(c.padded(), 4);
    pack();
    list_regions();
  }

  /// Runs the command with scratch for `tiles` tiles, and for a transformed kernel where it is
  /// kept; the part of the arena before it.
  std::vector<float> run(const Kernels& kernels, size_t threads, size_t tiles, bool keeps,
                         bool abort = false) {
    const size_t scratch_at = arena_.size();
    const size_t scratch_floats = (keeps ? case_.kernel_floats() : 0) + tiles * case_.tile_floats();
    std::vector<float> arena = arena_;
    arena.resize(scratch_at + scratch_floats, kNan);
    std::vector<float> constants_memory(packed_.size() + 2 * case_.padded() + kPanel);
    const std::span<float> constants = aligned(constants_memory);
    std::copy(packed_.begin(), packed_.end(), constants.begin());
    std::copy(bias_.begin(), bias_.end(), constants.begin() + packed_.size());
    std::copy(slope_.begin(), slope_.end(), constants.begin() + packed_.size() + case_.padded());
    const std::vector<ViewRecord> views = {
        map(0, case_.x),
        map(y_at(), case_.y),
        map(residual_at(), case_.y),
        flat(kSlotConstants, 0, packed_.size()),
        flat(kSlotConstants, packed_.size(), case_.padded()),
        flat(kSlotConstants, packed_.size() + case_.padded(), case_.padded()),
        flat(kSlotArena, scratch_at, scratch_floats)};
    const Program program{{}, views, {}, regions_, taps_, {}, {}, constants, 0, 0, 0};
    execute(program, arena, kernels, threads, abort);
    arena.resize(scratch_at);
    return arena;
  }

  const std::vector<float>& untouched() const { return arena_; }

  /// Largest error of y in units of the bound; infinity where anything else has changed.
  double worst(const std::vector<float>& arena) const {
    double worst = 0;
    for (size_t at = 0; at < arena.size(); at++) {
      const bool in_y = at >= y_at() && (at - y_at()) % pitch(case_.y) < case_.y.channels;
      if (in_y) {
        const double error = std::fabs(arena[at] - expected(at - y_at()));
        worst = error <= bound() ? std::max(worst, error / bound()) : kInfinity;
      } else if (std::bit_cast<uint32_t>(arena[at]) != std::bit_cast<uint32_t>(arena_[at])) {
        return kInfinity;
      }
      if (worst == kInfinity) return worst;
    }
    return worst;
  }

 private:
  static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  size_t y_at() const { return floats(case_.x) + floats(case_.y); }
  size_t residual_at() const { return case_.in_place ? y_at() : floats(case_.x); }

  /// All operands are at most 1, slopes too.
  double bound() const {
    const double most = growth(case_.tile, case_.taps_y) * growth(case_.tile, case_.taps_x);
    const double roundings = (case_.x.channels + 27) * 0x1p-24;
    return roundings / (1 - roundings) * (case_.x.channels * most + 2);
  }

  float kernel(size_t phase, size_t out, size_t in, size_t tap) const {
    return kernel_[((phase * case_.y.channels + out) * case_.x.channels + in) * case_.taps() + tap];
  }

  void pack() {
    packed_.assign(case_.weight_floats(), 0);
    const size_t rows = case_.taps() * case_.x.channels;
    for (size_t phase = 0; phase < case_.phases(); phase++) {
      for (size_t out = 0; out < case_.y.channels; out++) {
        for (size_t k = 0; k < rows; k++) {
          const size_t row = (out / kPanel * case_.phases() + phase) * rows + k;
          packed_[row * kPanel + out % kPanel] =
              kernel(phase, out, k % case_.x.channels, k / case_.x.channels);
        }
      }
    }
  }

  /// A region for every phase and residue that has outputs.
  void list_regions() {
    const auto count = [](uint32_t size, uint32_t first, uint32_t step) {
      return size > first ? (size - first + step - 1) / step : 0;
    };
    for (uint32_t phase = 0; phase < case_.phases(); phase++) {
      const uint32_t py = phase / case_.stride_x;
      const uint32_t px = phase % case_.stride_x;
      for (uint32_t ry = 0; ry < case_.dilation_y; ry++) {
        for (uint32_t rx = 0; rx < case_.dilation_x; rx++) {
          RegionRecord region{};
          region.out_y = static_cast<int32_t>(py + case_.stride_y * ry);
          region.out_x = static_cast<int32_t>(px + case_.stride_x * rx);
          region.out_step_y = case_.stride_y * case_.dilation_y;
          region.out_step_x = case_.stride_x * case_.dilation_x;
          region.count_y = count(case_.y.height, py + case_.stride_y * ry, region.out_step_y);
          region.count_x = count(case_.y.width, px + case_.stride_x * rx, region.out_step_x);
          if (region.count_y == 0 || region.count_x == 0) continue;
          region.in_y = static_cast<int32_t>(ry) - case_.pad_top + case_.first_y();
          region.in_x = static_cast<int32_t>(rx) - case_.pad_left + case_.first_x();
          region.in_step_y = case_.dilation_y;
          region.in_step_x = case_.dilation_x;
          region.tap_first = phase;
          region.tap_count = 1;
          region.kc = case_.x.channels;
          region.flags = kRegionPadded;
          regions_.push_back(region);
        }
      }
      const auto rows = static_cast<uint32_t>(phase * case_.taps() * case_.x.channels);
      taps_.push_back({0, 0, rows, 0});
    }
  }

  void execute(const Program& program, std::vector<float>& arena, const Kernels& kernels,
               size_t threads, bool abort) const {
    Team& team = team_of(threads);
    const std::atomic<bool> aborted{abort};
    IndexFault fault;
    const Execution run{program,     reinterpret_cast<std::byte*>(arena.data()),
                        nullptr,     team.fresh_workspace(),
                        team.pool(), kernels,
                        aborted,     fault};
    const WinogradCommand command{Opcode::kWinograd,
                                  0,
                                  1,
                                  3,
                                  case_.bias ? 4 : kNone,
                                  case_.residual ? 2 : kNone,
                                  case_.activation == Unary::kPrelu ? 5 : kNone,
                                  6,
                                  case_.tile,
                                  case_.taps_y,
                                  case_.taps_x,
                                  0,
                                  static_cast<uint32_t>(regions_.size()),
                                  static_cast<uint32_t>(case_.activation),
                                  0,
                                  0};
    without_allocations([&] { run_winograd(command, run); });
  }

  /// The definition, for the output `at` floats after the start of y.
  double expected(size_t at) const {
    const size_t c = at % pitch(case_.y);
    const size_t pixel = at / pitch(case_.y);
    const auto out_x = static_cast<int64_t>(pixel % case_.y.width);
    const auto out_y = static_cast<int64_t>(pixel / case_.y.width % case_.y.height);
    const size_t image = pixel / case_.y.width / case_.y.height;
    const size_t phase = static_cast<size_t>(out_y) % case_.stride_y * case_.stride_x +
                         static_cast<size_t>(out_x) % case_.stride_x;
    double sum = case_.bias ? bias_[c] : 0.0;
    for (size_t k = 0; k < case_.taps(); k++) {
      const int64_t in_y = out_y / case_.stride_y - case_.pad_top +
                           static_cast<int64_t>(case_.dilation_y * (k / case_.taps_x));
      const int64_t in_x = out_x / case_.stride_x - case_.pad_left +
                           static_cast<int64_t>(case_.dilation_x * (k % case_.taps_x));
      if (in_y < 0 || in_x < 0 || in_y >= case_.x.height || in_x >= case_.x.width) continue;
      const float* x =
          arena_.data() + ((image * case_.x.height + static_cast<size_t>(in_y)) * case_.x.width +
                           static_cast<size_t>(in_x)) *
                              pitch(case_.x);
      for (size_t in = 0; in < case_.x.channels; in++) {
        sum += double{x[in]} * kernel(phase, c, in, k);
      }
    }
    if (case_.residual) sum += arena_[residual_at() + at];
    if (case_.activation == Unary::kRelu) return std::max(sum, 0.0);
    return case_.activation == Unary::kPrelu && sum < 0 ? sum * slope_[c] : sum;
  }

  const WinogradCase case_;
  std::vector<float> arena_, kernel_, packed_, bias_, slope_;
  std::vector<RegionRecord> regions_;
  std::vector<TapRecord> taps_;
};

}  // namespace untangle::test
