// run_planar_taps over transposed and dilated convolutions in every layout, on every instruction
// set and thread count, against plain loops.

#include <cmath>
#include <cstdlib>

#include "native/test/check.h"
#include "native/test/conv_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

enum class Layout { kPlanes, kPixels, kGaps };

/// A transposed convolution of stride > 1, else a plain one; all kernels are square. Values are
/// small integers: any order of summation is exact.
struct PlanarCase {
  const char* name;
  Shape x;
  uint32_t outputs;
  int kernel;
  int stride;
  int pad;
  int dilation = 1;
  Layout x_layout = Layout::kPlanes;
  Layout y_layout = Layout::kPlanes;
  Unary activation = Unary::kIdentity;
  bool residual = false;
  bool in_place = false;
  bool bias = true;
};

/// Floats between rows and pixels of kGaps that belong to nobody.
constexpr uint32_t kGap = 3;

size_t floats(const Shape& s) {
  return size_t{s.n} * s.height * (s.width + kGap) * (s.channels + kGap);
}

ViewRecord map(size_t at, const Shape& s, Layout layout) {
  ViewRecord view{kSlotArena, static_cast<uint32_t>(at * 4),
                  4,          0,
                  s.n,        s.height,
                  s.width,    s.channels,
                  1,          1,
                  0,          0,
                  0,          0,
                  0,          0};
  const uint32_t gap = layout == Layout::kGaps ? kGap : 0;
  if (layout == Layout::kPlanes) {
    view.stride2 = 1;
    view.stride1 = static_cast<int32_t>(s.width);
    view.stride3 = static_cast<int32_t>(s.width * s.height);
    view.stride0 = view.stride3 * static_cast<int32_t>(s.channels);
  } else {
    view.stride3 = 1;
    view.stride2 = static_cast<int32_t>(s.channels + gap);
    view.stride1 = static_cast<int32_t>(s.width + gap) * view.stride2;
    view.stride0 = static_cast<int32_t>(s.height) * view.stride1;
  }
  return view;
}

int64_t offset(const ViewRecord& v, uint32_t n, int64_t y, int64_t x, uint32_t c) {
  return v.offset_bytes / 4 + int64_t{n} * v.stride0 + y * v.stride1 + x * v.stride2 +
         int64_t{c} * v.stride3;
}

class PlanarProgram {
 public:
  explicit PlanarProgram(const PlanarCase& c) : case_(c) {
    const int size = c.dilation * (c.kernel - 1) + 1;
    const auto output = [&](uint32_t in) {
      const int n = static_cast<int>(in);
      return static_cast<uint32_t>(c.stride > 1 ? (n - 1) * c.stride + size - 2 * c.pad
                                                : n + 2 * c.pad - size + 1);
    };
    y_ = {c.x.n, output(c.x.height), output(c.x.width), c.outputs};
    for (int ry = 0; ry < c.stride; ry++) {
      for (int rx = 0; rx < c.stride; rx++) add_phase(ry, rx);
    }
    const size_t k_total = static_cast<size_t>(c.kernel * c.kernel) * c.x.channels;
    arena_ = integers(floats(c.x) + 2 * floats(y_), 1, 4);
    views_ = {map(0, c.x, c.x_layout),
              map(floats(c.x), y_, c.y_layout),
              map(c.in_place ? floats(c.x) : floats(c.x) + floats(y_), y_, c.y_layout),
              flat(0, k_total * columns()),
              flat(k_total * columns(), c.outputs),
              flat(k_total * columns() + c.outputs, c.outputs)};
    constants_ = integers(k_total * columns() + 2 * c.outputs, 2, 3);
  }

  std::vector<float> run(const Kernels& kernels, size_t threads, bool abort = false) {
    std::vector<float> arena = arena_;
    Team& team = team_of(threads);
    const Program program{{}, views_, {}, regions_, taps_, {}, {}, constants_, 0, 0, 0};
    const std::atomic<bool> aborted{abort};
    IndexFault fault;
    const Execution run{program,     reinterpret_cast<std::byte*>(arena.data()),
                        nullptr,     team.fresh_workspace(),
                        team.pool(), kernels,
                        aborted,     fault};
    const bool prelu = case_.activation == Unary::kPrelu;
    run_planar_taps({Opcode::kPlanarTaps,
                     0,
                     1,
                     3,
                     case_.bias ? 4 : kNone,
                     case_.residual ? 2 : kNone,
                     prelu ? 5 : kNone,
                     static_cast<uint32_t>(views_[3].dim0 / columns()),
                     0,
                     static_cast<uint32_t>(regions_.size()),
                     static_cast<uint32_t>(case_.activation),
                     0,
                     0,
                     {}},
                    run);
    return arena;
  }

  const std::vector<float>& untouched() const { return arena_; }

  std::vector<float> expected() const {
    std::vector<float> arena = arena_;
    for (const RegionRecord& region : regions_) {
      for (uint32_t n = 0; n < y_.n; n++) {
        for (uint32_t qy = 0; qy < region.count_y; qy++) {
          for (uint32_t qx = 0; qx < region.count_x; qx++) {
            for (uint32_t c = 0; c < y_.channels; c++) expect(arena, region, n, qy, qx, c);
          }
        }
      }
    }
    return arena;
  }

 private:
  /// Panels of at most eight output channels, equally wide.
  size_t panels() const { return (case_.outputs + 7) / 8; }
  size_t rows() const { return (case_.outputs + panels() - 1) / panels(); }
  size_t columns() const { return panels() * rows(); }
  size_t weight(size_t k, size_t channel) const {
    const size_t k_total = views_[3].dim0 / columns();
    return (channel / rows() * k_total + k) * rows() + channel % rows();
  }

  static ViewRecord flat(size_t at, size_t count) {
    return {kSlotConstants,
            static_cast<uint32_t>(at * 4),
            1,
            0,
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

  void add_phase(int ry, int rx) {
    const PlanarCase& c = case_;
    const bool transposed = c.stride > 1;
    const auto first = static_cast<uint32_t>(taps_.size());
    for (int ky = 0; ky < c.kernel; ky++) {
      for (int kx = 0; kx < c.kernel; kx++) {
        const int y = transposed ? ry + c.pad - ky * c.dilation : ky * c.dilation - c.pad;
        const int x = transposed ? rx + c.pad - kx * c.dilation : kx * c.dilation - c.pad;
        if (y % c.stride != 0 || x % c.stride != 0) continue;
        taps_.push_back({y / c.stride, x / c.stride,
                         static_cast<uint32_t>(ky * c.kernel + kx) * c.x.channels, 0});
      }
    }
    const auto step = static_cast<uint32_t>(c.stride);
    const auto count = [step](uint32_t size, int r) {
      return (size - static_cast<uint32_t>(r) + step - 1) / step;
    };
    regions_.push_back({ry, rx, step, step, count(y_.height, ry), count(y_.width, rx), 0, 0, 1, 1,
                        first, static_cast<uint32_t>(taps_.size()) - first, c.x.channels,
                        kRegionPadded, 0, 0});
  }

  void expect(std::vector<float>& arena, const RegionRecord& region, uint32_t n, uint32_t qy,
              uint32_t qx, uint32_t c) const {
    const size_t biases = views_[3].dim0;
    float sum = case_.bias ? constants_[biases + c] : 0.0f;
    for (uint32_t t = 0; t < region.tap_count; t++) {
      const TapRecord& tap = taps_[region.tap_first + t];
      const int64_t in_y = int64_t{region.in_y} + qy + tap.dy;
      const int64_t in_x = int64_t{region.in_x} + qx + tap.dx;
      if (in_y < 0 || in_x < 0 || in_y >= case_.x.height || in_x >= case_.x.width) continue;
      for (uint32_t k = 0; k < region.kc; k++) {
        sum += arena_[static_cast<size_t>(offset(views_[0], n, in_y, in_x, k))] *
               constants_[weight(tap.k + k, c)];
      }
    }
    const int64_t out_y = int64_t{region.out_y} + qy * region.out_step_y;
    const int64_t out_x = int64_t{region.out_x} + qx * region.out_step_x;
    if (case_.residual) sum += arena_[static_cast<size_t>(offset(views_[2], n, out_y, out_x, c))];
    if (case_.activation == Unary::kRelu) sum = std::max(sum, 0.0f);
    if (case_.activation == Unary::kPrelu && sum < 0) sum *= constants_[biases + y_.channels + c];
    arena[static_cast<size_t>(offset(views_[1], n, out_y, out_x, c))] = sum;
  }

  const PlanarCase case_;
  Shape y_;
  std::vector<float> arena_;
  std::vector<float> constants_;
  std::vector<ViewRecord> views_;
  std::vector<RegionRecord> regions_;
  std::vector<TapRecord> taps_;
};

/// Several panels; phases that lie side by side are interleaved into planes.
void add_wide_cases(std::vector<PlanarCase>& list) {
  using enum Layout;
  const Layout layouts[] = {kPlanes, kPixels, kGaps};
  for (Layout layout : layouts) {
    list.push_back({"k4 s2, 21 channels", {1, 9, 37, 21}, 21, 4, 2, 1, 1, layout, layout});
    list.push_back({"k3 s2, odd width, 20 channels, residual in place",
                    {2, 5, 33, 12},
                    20,
                    3,
                    2,
                    1,
                    1,
                    layout,
                    layout,
                    Unary::kPrelu,
                    true,
                    true});
    list.push_back({"k5 s3, 64 channels", {1, 7, 70, 9}, 64, 5, 3, 2, 1, layout, kPlanes});
  }
  list.push_back({"k16 s8, more regions than sums", {1, 5, 20, 3}, 21, 16, 8, 4});
  list.push_back({"packed slice by slice", {1, 6, 66, 700}, 33, 4, 2, 1});
  list.push_back({"most channels", {1, 4, 40, 3}, kMaxPlanarChannels, 2, 2, 0});
}

std::vector<PlanarCase> cases() {
  using enum Layout;
  std::vector<PlanarCase> list = {
      {"k5 s2", {2, 9, 11, 21}, 3, 5, 2, 2},
      {"k4 s2, pixels", {1, 33, 70, 40}, 3, 4, 2, 1, 1, kPixels, kPixels},
      {"k4 s2, gaps", {2, 7, 9, 5}, 4, 4, 2, 1, 1, kGaps, kGaps},
      {"k2 s3, phases without taps", {1, 6, 7, 9}, 2, 2, 3, 0},
      {"k4 s2, prelu, residual",
       {1, 8, 9, 6},
       3,
       4,
       2,
       1,
       1,
       kPixels,
       kPlanes,
       Unary::kPrelu,
       true},
      {"7x7, relu", {1, 20, 130, 12}, 3, 7, 1, 3, 1, kPlanes, kPlanes, Unary::kRelu},
      {"3x3, residual in place",
       {1, 9, 40, 8},
       2,
       3,
       1,
       1,
       1,
       kPixels,
       kGaps,
       Unary::kRelu,
       true,
       true},
      {"1x1", {1, 5, 5, 300}, 1, 1, 1, 0, 1, kPixels, kPlanes},
      {"dilated", {1, 40, 41, 7}, 3, 3, 1, 18, 18, kGaps, kPlanes},
      {"wide window, channel by channel", {1, 20, 70, 5}, 2, 3, 1, 55, 55},
      {"more taps than pointers", {1, 30, 36, 2}, 3, 34, 1, 17},
      {"more regions than sums", {1, 3, 6, 3}, 8, 3, 16, 1},
      {"no bias",
       {1, 6, 6, 4},
       3,
       3,
       1,
       1,
       1,
       kPlanes,
       kPixels,
       Unary::kIdentity,
       false,
       false,
       false},
  };
  static const char* const kCounts[] = {"", "1", "2", "3", "4", "5", "6", "7", "8"};
  for (uint32_t outputs = 1; outputs <= kMaxPlanarRows; outputs++)
    list.push_back({kCounts[outputs], {1, 5, 71, 10}, outputs, 3, 1, 1});
  add_wide_cases(list);
  return list;
}

}  // namespace

int main() {
  const Kernels* kernels[8];
  const size_t sets = available_kernels(kernels, 8);
  for (const PlanarCase& c : cases()) {
    PlanarProgram program(c);
    const auto expected = program.expected();
    for (size_t set = 0; set < sets; set++) {
      for (size_t threads : {1, 2, 3}) {
        CHECK(program.run(*kernels[set], threads) == expected, "%s, %s, %zu threads", c.name,
              kernels[set]->isa, threads);
      }
    }
    CHECK(program.run(*kernels[0], 2, true) == program.untouched(), "%s, aborted", c.name);
  }
  return summary();
}
