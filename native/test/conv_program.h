// Small programs of one gemmTaps or depthwise command, built by hand, and what they should compute
// by plain loops.

#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"
#include "native/test/gpu_run.h"
#include "native/test/stored.h"
#include "native/test/team.h"

namespace untangle::test {

struct Shape {
  uint32_t n, height, width, channels;
  size_t elements() const { return size_t{n} * height * width * channels; }
};

struct TestRegion {
  RegionRecord record;
  std::vector<TapRecord> taps;
};

/// A convolution to run. Values are small integers: any order of summation is exact.
struct ConvCase {
  const char* name;
  Shape x;
  Shape y;
  uint32_t groups = 1;
  uint32_t fused_y = 1;
  uint32_t fused_x = 1;
  uint32_t k_total = 0;
  bool depthwise = false;
  WeightType type = WeightType::kFp32;  // of the weights
  bool bias = true;
  bool residual = false;
  bool in_place = false;  // the residual lies where y will
  Unary activation = Unary::kIdentity;
  float alpha = 0;
  float beta = 0;
  std::vector<TestRegion> regions = {};

  size_t group_outputs() const { return y.channels / groups; }
  size_t columns() const { return group_outputs() * fused_y * fused_x; }
  size_t panels() const { return (columns() + kPanel - 1) / kPanel; }
  size_t weight_floats() const {
    return depthwise ? size_t{k_total} * x.channels : groups * panels() * k_total * kPanel;
  }
  size_t weight_width() const { return depthwise ? x.channels : kPanel; }
  size_t bias_floats() const { return depthwise ? x.channels : groups * panels() * kPanel; }
};

inline std::vector<float> integers(size_t count, uint32_t seed, int span) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>((seed >> 16) % (2 * span + 1)) - span);
  }
  return values;
}

/// The part of `memory` that starts at a multiple of 64 bytes, kPanel floats shorter.
inline std::span<float> aligned(std::vector<float>& memory) {
  const size_t past = reinterpret_cast<uintptr_t>(memory.data()) / sizeof(float) % kPanel;
  return std::span<float>(memory).subspan(past == 0 ? 0 : kPanel - past, memory.size() - kPanel);
}

/// The memory and tables of one case. Arena: x (pitch of one spare channel per pixel), residual, y
/// (likewise).
class ConvProgram {
 public:
  explicit ConvProgram(const ConvCase& c) : case_(c) {
    x_ = integers(c.x.n * c.x.height * c.x.width * pitch(c.x), 1, 4);
    residual_ = integers(c.y.n * c.y.height * c.y.width * pitch(c.y), 2, 4);
    weights_ = integers(c.weight_floats(), 3, 3);
    clear_padding();
    bias_ = integers(c.bias_floats(), 4, 5);
    slope_ = integers(c.bias_floats(), 5, 3);
    for (const TestRegion& region : c.regions) {
      RegionRecord record = region.record;
      record.tap_first = static_cast<uint32_t>(taps_.size());
      record.tap_count = static_cast<uint32_t>(region.taps.size());
      regions_.push_back(record);
      taps_.insert(taps_.end(), region.taps.begin(), region.taps.end());
    }
  }

  /// Floats from a pixel to the next: the spare channel shows reads and writes past the end of a
  /// pixel.
  static size_t pitch(const Shape& shape) { return shape.channels + 1; }

  /// Runs the command; every element of y that is not written stays `kUnwritten`.
  static constexpr float kUnwritten = 4096.5f;
  std::vector<float> run(const Kernels& kernels, size_t threads, bool abort = false) {
    std::vector<float> y;
    execute(kernels, threads, abort, [&](auto&& once, std::span<const float> result) {
      once();
      y.assign(result.begin(), result.end());
    });
    return y;
  }

  /// The same on the GPU.
  std::vector<float> run_on_gpu(gpu::Precision precision = gpu::Precision::kF32) {
    std::vector<float> y;
    with_program([&](const Program& program, std::span<float> arena, uint32_t y_at) {
      const std::vector<float> result = test::run_on_gpu(program, arena, precision);
      y.assign(result.begin() + y_at, result.end());
    });
    return y;
  }

  /// Calls body(once) with everything set up; once() runs the command.
  template <typename F>
  void repeat(const Kernels& kernels, size_t threads, F&& body) {
    execute(kernels, threads, false, [&](auto&& once, std::span<const float>) { body(once); });
  }

  /// y before the run.
  std::vector<float> untouched() const {
    std::vector<float> y(residual_.size(), kUnwritten);
    if (!case_.in_place) return y;
    for (size_t i = 0; i < y.size(); i++)
      if (i % pitch(case_.y) < case_.y.channels) y[i] = residual_[i];
    return y;
  }

  std::vector<float> expected() const {
    std::vector<float> y = untouched();
    for (const RegionRecord& region : regions_) {
      for (uint32_t i = 0; i < case_.y.n * region.count_y * region.count_x; i++) {
        expect_pixel(region, i / region.count_x / region.count_y,
                     i / region.count_x % region.count_y, i % region.count_x, y);
      }
    }
    return y;
  }

 private:
  /// Sets everything up and calls body(once, y): once() runs the command.
  template <typename F>
  void execute(const Kernels& kernels, size_t threads, bool abort, F&& body) {
    with_program([&](const Program& program, std::span<float> arena, uint32_t y_at) {
      Team& team = team_of(threads);
      const std::atomic<bool> aborted{abort};
      IndexFault fault;
      const Execution run{program,     reinterpret_cast<std::byte*>(arena.data()),
                          nullptr,     team.fresh_workspace(),
                          team.pool(), kernels,
                          aborted,     fault};
      body([&] { without_allocations([&] { run_command(run); }); },
           std::span<const float>(arena).subspan(y_at));
    });
  }

  /// Calls body(program, arena, where y begins in it).
  template <typename F>
  void with_program(F&& body) {
    const std::vector<float> y = untouched();
    std::vector<float> arena = x_;
    arena.insert(arena.end(), residual_.begin(), residual_.end());
    arena.insert(arena.end(), y.begin(), y.end());
    const auto weights = store(case_.type, weights_, case_.k_total, case_.weight_width());
    const size_t bias_at = weights.size() / sizeof(float);
    std::vector<float> constants_memory(bias_at + bias_.size() + slope_.size() + kPanel);
    const std::span<float> constants = aligned(constants_memory);
    std::memcpy(constants.data(), weights.data(), weights.size());
    std::copy(bias_.begin(), bias_.end(), constants.begin() + bias_at);
    std::copy(slope_.begin(), slope_.end(), constants.begin() + bias_at + bias_.size());

    const uint32_t y_at = static_cast<uint32_t>(x_.size() + residual_.size());
    const ViewRecord views[] = {
        map(0, case_.x),
        map(y_at, case_.y),
        map(case_.in_place ? y_at : static_cast<uint32_t>(x_.size()), case_.y),
        flat(0, weights.size() / weight_bytes(case_.type), case_.type),
        flat(bias_at, bias_.size()),
        flat(bias_at + bias_.size(), slope_.size()),
    };
    const GemmTapsCommand gemm = gemm_taps_command();
    const DepthwiseCommand depthwise = depthwise_command();
    const auto* command = case_.depthwise ? reinterpret_cast<const std::byte*>(&depthwise)
                                          : reinterpret_cast<const std::byte*>(&gemm);
    const Program program{
        {}, views, {command, kCommandBytes}, regions_, taps_, {}, {}, constants, 0, 0, 0};
    body(program, std::span<float>(arena), y_at);
  }

  void clear_padding() {
    if (case_.depthwise) return;
    for (size_t i = 0; i < weights_.size(); i++) {
      const size_t panel = i / kPanel / case_.k_total % case_.panels();
      if (panel * kPanel + i % kPanel >= case_.columns()) weights_[i] = 0;
    }
  }

  void run_command(const Execution& run) const {
    if (case_.depthwise) return run_depthwise(depthwise_command(), run);
    run_gemm_taps(gemm_taps_command(), run);
  }

  uint32_t bias_view() const { return case_.bias ? 4 : kNone; }
  uint32_t residual_view() const { return case_.residual ? 2 : kNone; }
  uint32_t slope_view() const { return case_.activation == Unary::kPrelu ? 5 : kNone; }
  uint32_t region_count() const { return static_cast<uint32_t>(regions_.size()); }

  DepthwiseCommand depthwise_command() const {
    return {Opcode::kDepthwise,
            0,
            1,
            3,
            bias_view(),
            residual_view(),
            slope_view(),
            0,
            region_count(),
            static_cast<uint32_t>(case_.activation),
            std::bit_cast<uint32_t>(case_.alpha),
            std::bit_cast<uint32_t>(case_.beta),
            {}};
  }

  GemmTapsCommand gemm_taps_command() const {
    return {Opcode::kGemmTaps,
            0,
            1,
            3,
            bias_view(),
            residual_view(),
            slope_view(),
            case_.k_total,
            case_.groups,
            case_.fused_y,
            case_.fused_x,
            0,
            region_count(),
            static_cast<uint32_t>(case_.activation),
            std::bit_cast<uint32_t>(case_.alpha),
            std::bit_cast<uint32_t>(case_.beta)};
  }

  static ViewRecord map(uint32_t at, const Shape& s) {
    const auto c = static_cast<int32_t>(pitch(s));
    const auto w = static_cast<int32_t>(s.width) * c;
    return {kSlotArena,
            at * 4,
            4,
            0,
            s.n,
            s.height,
            s.width,
            s.channels,
            1,
            1,
            static_cast<int32_t>(s.height) * w,
            w,
            c,
            1,
            0,
            0};
  }
  static ViewRecord flat(size_t at, size_t count, WeightType type = WeightType::kFp32) {
    return {kSlotConstants,
            static_cast<uint32_t>(at * 4),
            1,
            static_cast<uint32_t>(type),
            static_cast<uint32_t>(count),
            1,
            1,
            1,
            1,
            1,
            1,
            0,
            0,
            0,
            0,
            0};
  }

  float weight(uint32_t k, size_t group, size_t column) const {
    if (case_.depthwise) return weights_[k * case_.x.channels + column];
    const size_t panel = group * case_.panels() + column / kPanel;
    return weights_[(panel * case_.k_total + k) * kPanel + column % kPanel];
  }

  void expect_pixel(const RegionRecord& region, uint32_t image, uint32_t qy, uint32_t qx,
                    std::vector<float>& y) const {
    const size_t groups = case_.depthwise ? 1 : case_.groups;
    for (size_t group = 0; group < groups; group++) {
      for (size_t column = 0; column < case_.columns(); column++) {
        const size_t phase = column / case_.group_outputs();
        const int64_t out_y =
            int64_t{region.out_y} + qy * region.out_step_y + phase / case_.fused_x;
        const int64_t out_x =
            int64_t{region.out_x} + qx * region.out_step_x + phase % case_.fused_x;
        if (out_y < 0 || out_x < 0 || out_y >= case_.y.height || out_x >= case_.y.width) continue;
        const size_t pixel = (image * case_.y.height + out_y) * case_.y.width + out_x;
        const size_t at =
            pixel * pitch(case_.y) + group * case_.group_outputs() + column % case_.group_outputs();
        const size_t flat = case_.depthwise ? column : group * case_.panels() * kPanel + column;
        float sum = case_.bias ? bias_[flat] : 0.0f;
        for (uint32_t t = 0; t < region.tap_count; t++) {
          sum += expect_tap(region, taps_[region.tap_first + t], image, qy, qx, group, column);
        }
        if (case_.residual) sum += residual_[at];
        y[at] = activate(sum, slope_[flat]);
      }
    }
  }

  float expect_tap(const RegionRecord& region, const TapRecord& tap, uint32_t image, uint32_t qy,
                   uint32_t qx, size_t group, size_t column) const {
    const int64_t in_y = int64_t{region.in_y} + qy * region.in_step_y + tap.dy;
    const int64_t in_x = int64_t{region.in_x} + qx * region.in_step_x + tap.dx;
    if (in_y < 0 || in_x < 0 || in_y >= case_.x.height || in_x >= case_.x.width) return 0;
    const float* x =
        x_.data() + ((image * case_.x.height + in_y) * case_.x.width + in_x) * pitch(case_.x);
    if (case_.depthwise) return x[column] * weight(tap.k, 0, column);
    float sum = 0;
    for (uint32_t k = 0; k < region.kc; k++) {
      sum += x[group * (case_.x.channels / case_.groups) + k] * weight(tap.k + k, group, column);
    }
    return sum;
  }

  float activate(float x, float slope) const {
    switch (case_.activation) {
      case Unary::kRelu:
        return std::max(x, 0.0f);
      case Unary::kLeakyRelu:
        return x < 0 ? case_.alpha * x : x;
      case Unary::kClip:
        return std::min(std::max(x, case_.alpha), case_.beta);
      case Unary::kPrelu:
        return x < 0 ? slope * x : x;
      default:
        return x;
    }
  }

  const ConvCase case_;
  std::vector<float> x_, residual_, weights_, bias_, slope_;
  std::vector<RegionRecord> regions_;
  std::vector<TapRecord> taps_;
};

}  // namespace untangle::test
