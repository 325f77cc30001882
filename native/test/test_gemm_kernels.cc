// Every GEMM and depthwise micro-kernel of kernels.def against plain loops. Operands are small
// integers, so that every order of summation gives the same bits; guards around C show writes that
// do not belong there.

#include <algorithm>
#include <iterator>
#include <vector>

#include "native/cpu/kernels/kernels.h"
#include "native/test/check.h"
#include "native/test/stored.h"

using namespace untangle;

namespace {

constexpr float kGuard = -12345.0f;
constexpr size_t kGuardFloats = 3;

struct Random {
  uint32_t state = 1;
  float next() {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(static_cast<int>(state >> 28) - 8);
  }
  std::vector<float> list(size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = next();
    return values;
  }
};

/// One of each kind; `slopes` are those of kSlopes.
Finish make_finish(Finish::Kind kind, const std::vector<float>& slopes) {
  return {.kind = kind, .low = -3, .high = 5, .slopes = slopes.data()};
}

float finished(const Finish& finish, float x, size_t column) {
  switch (finish.kind) {
    case Finish::kNone:
      return x;
    case Finish::kClamp:
      return std::clamp(x, finish.low, finish.high);
    case Finish::kSlope:
      return x < 0 ? finish.low * x : x;
    case Finish::kSlopes:
      return x < 0 ? finish.slopes[column] * x : x;
  }
  return x;
}

struct GemmCase {
  size_t panels, mr, columns, kc, taps;
  bool bias, accumulate;
  Finish::Kind finish = Finish::kNone;
};

/// The bytes of packed weights as the kernels ask for them.
struct StoredWeights {
  StoredWeights(WeightType type, const std::vector<float>& values, size_t k_total)
      : type(type),
        bytes(test::store(type, values, k_total, kPanel)),
        panel_stride(panel_weights(type, k_total, kPanel)) {}

  WeightType type;
  std::vector<std::byte> bytes;
  size_t panel_stride;

  const void* rows() const {
    return bytes.data() + scale_weights(type, kPanel) * weight_bytes(type);
  }
  const float* scales() const {
    return type == WeightType::kInt8 ? reinterpret_cast<const float*>(bytes.data()) : nullptr;
  }
  const GemmKernels& kernels(const Kernels& all) const {
    return all.gemm[static_cast<size_t>(type)];
  }
};

/// What is asked for ahead need not exist.
constexpr Ahead kAsked[] = {{}, {1, 64}, {UINTPTR_MAX - 100, 21}, {UINTPTR_MAX, SIZE_MAX}};

void check_gemm(const Kernels& kernels, const GemmCase& c, WeightType type) {
  Random random;
  const size_t k_total = c.taps * c.kc + 3;
  const size_t pitch = c.columns + kGuardFloats;
  const auto weights = random.list(c.panels * k_total * kPanel);
  const auto bias = random.list(c.panels * kPanel);
  const auto slopes = random.list(c.panels * kPanel);
  const Finish finish = make_finish(c.finish, slopes);
  const auto a = random.list(c.taps * c.mr * c.kc);
  std::vector<float> out(c.mr * pitch, kGuard);
  std::vector<const float*> rows;
  std::vector<uint32_t> tap_k;
  std::vector<float*> c_rows;
  for (size_t tap = 0; tap < c.taps; tap++) {
    tap_k.push_back(static_cast<uint32_t>(3 + (c.taps - 1 - tap) * c.kc));
    for (size_t i = 0; i < c.mr; i++) rows.push_back(a.data() + (tap * c.mr + i) * c.kc);
  }
  for (size_t i = 0; i < c.mr; i++) {
    c_rows.push_back(out.data() + i * pitch);
    for (size_t j = 0; j < c.columns; j++) out[i * pitch + j] = random.next();
  }

  std::vector<float> expected = out;
  for (size_t i = 0; i < c.mr; i++) {
    for (size_t j = 0; j < c.columns; j++) {
      float& sum = expected[i * pitch + j];
      if (!c.accumulate) sum = c.bias ? bias[j] : 0.0f;
      for (size_t tap = 0; tap < c.taps; tap++) {
        for (size_t k = 0; k < c.kc; k++) {
          sum += rows[tap * c.mr + i][k] *
                 weights[(j / kPanel * k_total + tap_k[tap] + k) * kPanel + j % kPanel];
        }
      }
      sum = finished(finish, sum, j);
    }
  }
  const StoredWeights stored(type, weights, k_total);
  stored.kernels(kernels).tile[c.panels - 1][c.mr - 1](
      {rows.data(), tap_k.data(), c.taps, c.kc, stored.rows(), stored.panel_stride,
       c.bias ? bias.data() : nullptr, c_rows.data(), c.columns, c.accumulate, finish,
       stored.scales(), kAsked[c.mr % std::size(kAsked)]});
  CHECK(out == expected,
        "gemm_%s_%zux%zu_%s columns %zu kc %zu taps %zu bias %d accumulate %d finish %d",
        test::name_of(type), c.mr, c.panels * kPanel, kernels.isa, c.columns, c.kc, c.taps, c.bias,
        c.accumulate, c.finish);
}

/// `tiles` tiles of a run: rows of A follow one another `kc` + 2 apart, those of C `pitch`.
void check_run(const Kernels& kernels, const GemmCase& c, size_t tiles, WeightType type) {
  Random random;
  const size_t count = tiles * c.mr;
  const size_t k_total = c.taps * c.kc + 3;
  const size_t pitch = c.columns + kGuardFloats;
  const size_t step = c.kc + 2;
  const auto weights = random.list(c.panels * k_total * kPanel);
  const auto bias = random.list(c.panels * kPanel);
  const auto slopes = random.list(c.panels * kPanel);
  const Finish finish = make_finish(c.finish, slopes);
  const auto a = random.list((c.taps + 1) * (count + 1) * step);
  std::vector<float> out(count * pitch, kGuard);
  std::vector<const float*> x;
  std::vector<uint32_t> tap_k;
  for (size_t tap = 0; tap < c.taps; tap++) {
    tap_k.push_back(static_cast<uint32_t>(3 + (c.taps - 1 - tap) * c.kc));
    x.push_back(a.data() + tap * (count + 1) * step);
  }
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < c.columns; j++) out[i * pitch + j] = random.next();

  std::vector<float> expected = out;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < c.columns; j++) {
      float& sum = expected[i * pitch + j];
      sum = (c.accumulate ? sum : 0.0f) + (c.bias ? bias[j] : 0.0f);
      for (size_t tap = 0; tap < c.taps; tap++) {
        for (size_t k = 0; k < c.kc; k++) {
          sum += x[tap][(i + 1) * step + k] *
                 weights[(j / kPanel * k_total + tap_k[tap] + k) * kPanel + j % kPanel];
        }
      }
      sum = finished(finish, sum, j);
    }
  }
  const StoredWeights stored(type, weights, k_total);
  stored.kernels(kernels).run[c.panels - 1][c.mr - 1]({.x = x.data(),
                                                       .x_first = static_cast<ptrdiff_t>(step),
                                                       .x_step = static_cast<ptrdiff_t>(step),
                                                       .tap_k = tap_k.data(),
                                                       .taps = c.taps,
                                                       .kc = c.kc,
                                                       .weights = stored.rows(),
                                                       .panel_stride = stored.panel_stride,
                                                       .bias = c.bias ? bias.data() : nullptr,
                                                       .c = out.data(),
                                                       .c_step = static_cast<ptrdiff_t>(pitch),
                                                       .columns = c.columns,
                                                       .accumulate = c.accumulate,
                                                       .finish = finish,
                                                       .scales = stored.scales(),
                                                       .ahead = kAsked[c.mr % std::size(kAsked)]},
                                                      tiles);
  CHECK(out == expected,
        "gemm_%s_run_%zux%zu_%s %zu tiles, columns %zu kc %zu taps %zu bias %d accumulate %d "
        "finish %d",
        test::name_of(type), c.mr, c.panels * kPanel, kernels.isa, tiles, c.columns, c.kc, c.taps,
        c.bias, c.accumulate, c.finish);
}

void check_runs(const Kernels& kernels, WeightType type) {
  for (size_t panels = 1; panels <= kernels.panels; panels++) {
    for (size_t mr = 1; mr <= kernels.run_rows; mr++) {
      for (size_t columns = (panels - 1) * kPanel + 1; columns <= panels * kPanel; columns++) {
        for (size_t tiles : {1, 3}) {
          check_run(kernels, {panels, mr, columns, 5, 2, true, false}, tiles, type);
          check_run(kernels, {panels, mr, columns, 16, 3, true, true}, tiles, type);
          check_run(kernels, {panels, mr, columns, 1, 0, true, false}, tiles, type);
          for (auto finish : {Finish::kClamp, Finish::kSlope, Finish::kSlopes})
            check_run(kernels, {panels, mr, columns, 3, 1, false, true, finish}, tiles, type);
        }
      }
    }
  }
}

/// Rows of any width, those of a panel and others.
void check_widen(const Kernels& kernels, WeightType type) {
  Random random;
  for (size_t width : {1, 3, 8, 16, 20, 33}) {
    for (size_t rows : {1, 2, 7}) {
      const auto values = random.list(rows * width);
      const auto bytes = test::store(type, values, rows, width);
      std::vector<float> out(values.size() + kGuardFloats, kGuard);
      kernels.widen({.type = type,
                     .source = bytes.data() + scale_weights(type, width) * weight_bytes(type),
                     .scales = type == WeightType::kInt8
                                   ? reinterpret_cast<const float*>(bytes.data())
                                   : nullptr,
                     .rows = rows,
                     .width = width,
                     .target = out.data()});
      auto expected = values;
      expected.insert(expected.end(), kGuardFloats, kGuard);
      CHECK(out == expected, "widen_%s_%s %zu x %zu", test::name_of(type), kernels.isa, rows,
            width);
    }
  }
}

/// Every number of half precision, subnormal and infinite ones too.
void check_halves(const Kernels& kernels) {
  std::vector<Half> halves(1 << 16);
  for (size_t i = 0; i < halves.size(); i++) halves[i] = static_cast<Half>(i);
  std::vector<float> out(halves.size());
  kernels.widen({.type = WeightType::kFp16,
                 .source = halves.data(),
                 .scales = nullptr,
                 .rows = halves.size(),
                 .width = 1,
                 .target = out.data()});
  for (size_t i = 0; i < halves.size(); i++) {
    const int exponent = static_cast<int>(i >> 10 & 31);
    const float fraction = static_cast<float>(i & 1023);
    float expected =
        exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = fraction == 0 ? INFINITY : NAN;
    if (i >> 15 != 0) expected = -expected;
    const bool is_same = std::isnan(expected)
                             ? std::isnan(out[i])
                             : std::bit_cast<uint32_t>(out[i]) == std::bit_cast<uint32_t>(expected);
    CHECK(is_same, "half %zx, %s", i, kernels.isa);
  }
}

struct DepthwiseCase {
  size_t pixels, channels, taps;
  bool bias, accumulate;
  Finish::Kind finish = Finish::kNone;
};

/// Pixels [1, pixels + 1) of a row whose pixels lie `pitch` apart, in x two pitches.
void check_depthwise(const Kernels& kernels, const DepthwiseCase& c) {
  Random random;
  const size_t pitch = c.channels + kGuardFloats;
  const auto weights = random.list(c.taps * c.channels);
  const auto shift = random.list(c.channels);
  const auto slopes = random.list(c.channels);
  const Finish finish = make_finish(c.finish, slopes);
  const auto x = random.list((c.taps + 1) * (c.pixels + 1) * 2 * pitch);
  std::vector<float> out((c.pixels + 1) * pitch, kGuard);
  std::vector<const float*> sources;
  std::vector<const float*> factors;
  for (size_t tap = 0; tap < c.taps; tap++) {
    sources.push_back(x.data() + tap * pitch);
    factors.push_back(weights.data() + (c.taps - 1 - tap) * c.channels);
  }
  for (size_t i = 1; i <= c.pixels; i++)
    for (size_t k = 0; k < c.channels; k++) out[i * pitch + k] = random.next();

  std::vector<float> expected = out;
  for (size_t i = 1; i <= c.pixels; i++) {
    for (size_t k = 0; k < c.channels; k++) {
      float& sum = expected[i * pitch + k];
      sum = (c.accumulate ? sum : 0.0f) + (c.bias ? shift[k] : 0.0f);
      for (size_t tap = 0; tap < c.taps; tap++)
        sum += sources[tap][i * 2 * pitch + k] * factors[tap][k];
      sum = finished(finish, sum, k);
    }
  }
  kernels.depthwise({.x = sources.data(),
                     .x_step = static_cast<ptrdiff_t>(2 * pitch),
                     .weights = factors.data(),
                     .taps = c.taps,
                     .bias = c.bias ? shift.data() : nullptr,
                     .y = out.data(),
                     .y_step = static_cast<ptrdiff_t>(pitch),
                     .first = 1,
                     .last = c.pixels + 1,
                     .channels = c.channels,
                     .accumulate = c.accumulate,
                     .finish = finish});
  CHECK(out == expected,
        "depthwise_f32_%s %zu pixels %zu channels %zu taps bias %d accumulate %d finish %d",
        kernels.isa, c.pixels, c.channels, c.taps, c.bias, c.accumulate, c.finish);
}

void check_tiles(const Kernels& kernels, WeightType type) {
  for (size_t panels = 1; panels <= kernels.panels; panels++) {
    for (size_t mr = 1; mr <= kernels.mr; mr++) {
      for (size_t columns = (panels - 1) * kPanel + 1; columns <= panels * kPanel; columns++) {
        for (size_t kc : {1, 2, 5, 16, 33}) {
          check_gemm(kernels, {panels, mr, columns, kc, 2, true, false}, type);
          check_gemm(kernels, {panels, mr, columns, kc, 3, false, true}, type);
        }
        check_gemm(kernels, {panels, mr, columns, 7, 1, false, false}, type);
        check_gemm(kernels, {panels, mr, columns, 1, 0, true, false}, type);
        for (auto finish : {Finish::kClamp, Finish::kSlope, Finish::kSlopes}) {
          check_gemm(kernels, {panels, mr, columns, 3, 2, true, false, finish}, type);
          check_gemm(kernels, {panels, mr, columns, 1, 0, false, true, finish}, type);
        }
      }
    }
  }
}

void check_depthwise(const Kernels& kernels) {
  for (size_t pixels = 1; pixels <= 17; pixels++) {
    for (size_t channels = 1; channels <= 70; channels++) {
      check_depthwise(kernels, {pixels, channels, 9, true, false});
      check_depthwise(kernels, {pixels, channels, 2, false, true});
      check_depthwise(kernels, {pixels, channels, 3, true, true});
      check_depthwise(kernels, {pixels, channels, 0, true, false});
      check_depthwise(kernels, {pixels, channels, 1, false, false});
      for (auto finish : {Finish::kClamp, Finish::kSlope, Finish::kSlopes})
        check_depthwise(kernels, {pixels, channels, 3, true, false, finish});
    }
  }
}

}  // namespace

int main() {
  const Kernels* list[8];
  const size_t count = available_kernels(list, 8);
  for (size_t i = 0; i < count; i++) {
    std::printf("%s\n", list[i]->isa);
    for (const WeightType type : test::kWeightTypes) {
      check_tiles(*list[i], type);
      check_runs(*list[i], type);
      check_widen(*list[i], type);
    }
    check_halves(*list[i]);
    check_depthwise(*list[i]);
    CHECK(select_kernels(list[i]->isa) == list[i], "%s", list[i]->isa);
  }
  CHECK(select_kernels(nullptr) == list[0], "best");
  CHECK(select_kernels("z80") == nullptr, "unknown");
  return test::summary();
}
