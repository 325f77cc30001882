// run_winograd with both tiles and both kinds of blocks, on every instruction set and thread count:
// within the bound of docs/01-architecture.md of plain loops in double, and the same to the last
// bit whatever the threads and the blocks.

#include <array>
#include <cmath>
#include <limits>

#include "native/test/check.h"
#include "native/test/conv_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

struct WinogradCase {
  const char* name;
  uint32_t tile;
  Shape x;
  Shape y;
  uint32_t dilation_y = 1;
  uint32_t dilation_x = 1;
  uint32_t pad_top = 1;
  uint32_t pad_left = 1;
  Unary activation = Unary::kIdentity;
  bool bias = true;
  bool residual = false;
  bool in_place = false;

  size_t inputs() const { return tile + 2; }
  size_t products() const { return inputs() * inputs(); }
  size_t padded() const { return (y.channels + kPanel - 1) / kPanel * kPanel; }
  size_t tile_floats() const { return products() * (x.channels + padded()) + 32; }
  size_t weight_floats() const { return products() * x.channels * padded(); }
};

using Row = std::array<double, 3>;

/// Rows of G.
std::vector<Row> weight_matrix(uint32_t tile) {
  if (tile == 2) return {{-1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  const double root = std::sqrt(2.0);
  return {{1, 0, 0},
          {-2.0 / 3, -root / 3, -1.0 / 3},
          {-2.0 / 3, root / 3, -1.0 / 3},
          {1.0 / 6, root / 6, 1.0 / 3},
          {1.0 / 6, -root / 6, 1.0 / 3},
          {0, 0, 1}};
}

/// Multiples of 1/64 in [-1, 1].
std::vector<float> fractions(size_t count, uint32_t seed) {
  std::vector<float> values = integers(count, seed, 64);
  for (float& value : values) value /= 64;
  return values;
}

/// A spare channel per pixel shows reads and writes past the end of a pixel.
size_t pitch(const Shape& s) { return s.channels + 1; }
size_t floats(const Shape& s) { return size_t{s.n} * s.height * s.width * pitch(s); }

ViewRecord map(size_t at, const Shape& s) {
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

ViewRecord flat(uint32_t slot, size_t at, size_t count) {
  ViewRecord view{};
  view.slot = slot;
  view.offset_bytes = static_cast<uint32_t>(at * 4);
  view.rank = 1;
  view.dim0 = static_cast<uint32_t>(count);
  view.dim1 = view.dim2 = view.dim3 = view.dim4 = view.dim5 = 1;
  view.stride0 = 1;
  return view;
}

/// Arena: x, residual, y and the scratch, if any, at its very end.
class WinogradProgram {
 public:
  explicit WinogradProgram(const WinogradCase& c) : case_(c) {
    arena_ = fractions(floats(c.x) + 2 * floats(c.y), 1);
    for (size_t i = c.x.channels; i < floats(c.x); i += pitch(c.x)) arena_[i] = kNan;
    kernel_ = fractions(size_t{9} * c.x.channels * c.y.channels, 2);
    bias_ = fractions(c.padded(), 3);
    slope_ = fractions(c.padded(), 4);
    pack();
  }

  /// Runs the command with `tiles` tiles of scratch, or none; the part of the arena before it.
  std::vector<float> run(const Kernels& kernels, size_t threads, size_t tiles, bool abort = false) {
    const size_t scratch_at = arena_.size();
    const size_t scratch_floats = tiles * case_.tile_floats();
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
        flat(kSlotArena, scratch_at, std::max<size_t>(1, scratch_floats))};
    const Program program{{}, views, {}, {}, {}, {}, {}, constants, 0, 0, 0};
    execute(program, arena, kernels, threads, tiles > 0, abort);
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
    const double growth = case_.tile == 2 ? 8 : 24.9;
    const double roundings = (case_.x.channels + 20) * 0x1p-24;
    return roundings / (1 - roundings) * (case_.x.channels * growth * growth + 2);
  }

  float kernel(size_t out, size_t in, size_t dy, size_t dx) const {
    return kernel_[((out * case_.x.channels + in) * 3 + dy) * 3 + dx];
  }

  void pack() {
    const std::vector<Row> g = weight_matrix(case_.tile);
    packed_.assign(case_.weight_floats(), 0);
    for (size_t out = 0; out < case_.y.channels; out++) {
      for (size_t in = 0; in < case_.x.channels; in++) {
        for (size_t f = 0; f < case_.products(); f++) {
          double sum = 0;
          for (size_t k = 0; k < 9; k++) {
            sum += g[f / case_.inputs()][k / 3] * g[f % case_.inputs()][k % 3] *
                   kernel(out, in, k / 3, k % 3);
          }
          const size_t row = (out / kPanel * case_.products() + f) * case_.x.channels + in;
          packed_[row * kPanel + out % kPanel] = static_cast<float>(sum);
        }
      }
    }
  }

  void execute(const Program& program, std::vector<float>& arena, const Kernels& kernels,
               size_t threads, bool has_scratch, bool abort) const {
    ThreadPool pool(threads);
    std::vector<std::byte*> workspace;
    for (size_t i = 0; i < threads; i++) {
      workspace.push_back(static_cast<std::byte*>(std::aligned_alloc(64, kWorkspaceBytes)));
      std::memset(workspace.back(), 0xff, kWorkspaceBytes);
    }
    const std::atomic<bool> aborted{abort};
    IndexFault fault;
    const Execution run{program, reinterpret_cast<std::byte*>(arena.data()),
                        nullptr, workspace.data(),
                        pool,    kernels,
                        aborted, fault};
    run_winograd({Opcode::kWinograd, 0, 1, 3, case_.bias ? 4 : kNone, case_.residual ? 2 : kNone,
                  case_.activation == Unary::kPrelu ? 5 : kNone, has_scratch ? 6 : kNone,
                  case_.tile, case_.dilation_y, case_.dilation_x, case_.pad_top, case_.pad_left,
                  static_cast<uint32_t>(case_.activation), 0, 0},
                 run);
    for (std::byte* block : workspace) std::free(block);
  }

  /// The definition, for the output `at` floats after the start of y.
  double expected(size_t at) const {
    const size_t c = at % pitch(case_.y);
    const size_t pixel = at / pitch(case_.y);
    const auto out_x = static_cast<int64_t>(pixel % case_.y.width);
    const auto out_y = static_cast<int64_t>(pixel / case_.y.width % case_.y.height);
    const size_t image = pixel / case_.y.width / case_.y.height;
    double sum = case_.bias ? bias_[c] : 0.0;
    for (size_t k = 0; k < 9; k++) {
      const int64_t in_y = out_y - case_.pad_top + static_cast<int64_t>(case_.dilation_y * (k / 3));
      const int64_t in_x =
          out_x - case_.pad_left + static_cast<int64_t>(case_.dilation_x * (k % 3));
      if (in_y < 0 || in_x < 0 || in_y >= case_.x.height || in_x >= case_.x.width) continue;
      const float* x =
          arena_.data() + ((image * case_.x.height + static_cast<size_t>(in_y)) * case_.x.width +
                           static_cast<size_t>(in_x)) *
                              pitch(case_.x);
      for (size_t in = 0; in < case_.x.channels; in++) {
        sum += double{x[in]} * kernel(c, in, k / 3, k % 3);
      }
    }
    if (case_.residual) sum += arena_[residual_at() + at];
    if (case_.activation == Unary::kRelu) return std::max(sum, 0.0);
    return case_.activation == Unary::kPrelu && sum < 0 ? sum * slope_[c] : sum;
  }

  const WinogradCase case_;
  std::vector<float> arena_, kernel_, packed_, bias_, slope_;
};

std::vector<WinogradCase> cases() {
  std::vector<WinogradCase> list;
  for (uint32_t tile : {2, 4}) {
    const auto add = [&](WinogradCase c) {
      c.tile = tile;
      list.push_back(c);
    };
    add({"plain", tile, {1, 8, 8, 16}, {1, 8, 8, 16}});
    add({"one channel", tile, {1, 5, 6, 1}, {1, 5, 6, 1}});
    add({"odd channels, batch", tile, {3, 7, 9, 21}, {3, 7, 9, 37}});
    add({.name = "prelu, residual",
         .tile = tile,
         .x = {1, 9, 10, 13},
         .y = {1, 9, 10, 29},
         .activation = Unary::kPrelu,
         .residual = true});
    add({.name = "relu, residual in place",
         .tile = tile,
         .x = {2, 6, 11, 30},
         .y = {2, 6, 11, 19},
         .activation = Unary::kRelu,
         .residual = true,
         .in_place = true});
    add({.name = "no bias, pads that differ",
         .tile = tile,
         .x = {1, 4, 9, 5},
         .y = {1, 9, 13, 3},
         .pad_top = 5,
         .pad_left = 0,
         .bias = false});
    add({.name = "dilated",
         .tile = tile,
         .x = {1, 13, 12, 7},
         .y = {1, 13, 12, 8},
         .dilation_y = 2,
         .dilation_x = 5,
         .pad_top = 2,
         .pad_left = 5});
    add({.name = "dilation past the map",
         .tile = tile,
         .x = {1, 3, 4, 6},
         .y = {1, 5, 4, 6},
         .dilation_y = 7,
         .dilation_x = 100,
         .pad_top = 8,
         .pad_left = 100});
    add({.name = "far outside",
         .tile = tile,
         .x = {1, 2, 2, 4},
         .y = {1, 17, 3, 4},
         .pad_top = 12,
         .pad_left = 200});
    add({"more channels than a slice", tile, {1, 5, 5, 701}, {1, 5, 5, 18}});
    add({"many columns", tile, {1, 6, 5, 3}, {1, 6, 5, 211}});
  }
  return list;
}

void check(const WinogradCase& c, const Kernels& kernels, double& largest) {
  WinogradProgram program(c);
  std::vector<float> first;
  for (size_t tiles : {0, 1, 3, 40}) {
    if (tiles == 0 && c.tile_floats() * sizeof(float) > kWorkspaceBytes) continue;
    for (size_t threads : {1, 2, 3, 4}) {
      const std::vector<float> arena = program.run(kernels, threads, tiles);
      if (first.empty()) {
        first = arena;
        const double worst = program.worst(arena);
        largest = std::max(largest, worst);
        CHECK(worst <= 1, "F(%u, 3), %s, %s", c.tile, c.name, kernels.isa);
      }
      CHECK(std::memcmp(first.data(), arena.data(), arena.size() * sizeof(float)) == 0,
            "F(%u, 3), %s, %s, %zu threads, scratch for %zu tiles", c.tile, c.name, kernels.isa,
            threads, tiles);
    }
  }
  const std::vector<float> aborted = program.run(kernels, 2, 3, true);
  CHECK(
      std::memcmp(aborted.data(), program.untouched().data(), aborted.size() * sizeof(float)) == 0,
      "F(%u, 3), %s, aborted", c.tile, c.name);
}

}  // namespace

int main() {
  const Kernels* kernels[8];
  const size_t sets = available_kernels(kernels, 8);
  double largest = 0;
  for (const WinogradCase& c : cases()) {
    for (size_t set = 0; set < sets; set++) check(c, *kernels[set], largest);
  }
  std::printf("largest error: %.4f of the bound\n", largest);
  return summary();
}
