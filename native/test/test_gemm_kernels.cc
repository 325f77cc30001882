// Every GEMM and depthwise micro-kernel of kernels.def against plain loops. Operands are small
// integers, so that every order of summation gives the same bits; guards around C show writes that
// do not belong there.

#include <algorithm>
#include <vector>

#include "native/cpu/kernels/kernels.h"
#include "native/test/check.h"

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

struct GemmCase {
  size_t panels, mr, columns, kc, taps;
  bool bias, accumulate;
};

void check_gemm(const Kernels& kernels, const GemmCase& c) {
  Random random;
  const size_t k_total = c.taps * c.kc + 3;
  const size_t pitch = c.columns + kGuardFloats;
  const auto weights = random.list(c.panels * k_total * kPanel);
  const auto bias = random.list(c.panels * kPanel);
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
    }
  }
  kernels.gemm[c.panels - 1][c.mr - 1]({rows.data(), tap_k.data(), c.taps, c.kc, weights.data(),
                                        k_total * kPanel, c.bias ? bias.data() : nullptr,
                                        c_rows.data(), c.columns, c.accumulate});
  CHECK(out == expected, "gemm_f32_%zux%zu_%s columns %zu kc %zu taps %zu bias %d accumulate %d",
        c.mr, c.panels * kPanel, kernels.isa, c.columns, c.kc, c.taps, c.bias, c.accumulate);
}

void check_depthwise(const Kernels& kernels, size_t pixels, size_t channels, size_t taps, bool bias,
                     bool accumulate) {
  Random random;
  const size_t pitch = channels + kGuardFloats;
  const auto weights = random.list(taps * pitch);
  const auto shift = random.list(channels);
  const auto x = random.list(taps * pixels * channels);
  std::vector<float> out(pixels * pitch, kGuard);
  std::vector<const float*> rows;
  std::vector<uint32_t> tap_k;
  std::vector<float*> y_rows;
  for (size_t tap = 0; tap < taps; tap++) {
    tap_k.push_back(static_cast<uint32_t>(taps - 1 - tap));
    for (size_t i = 0; i < pixels; i++) rows.push_back(x.data() + (tap * pixels + i) * channels);
  }
  for (size_t i = 0; i < pixels; i++) {
    y_rows.push_back(out.data() + i * pitch);
    for (size_t c = 0; c < channels; c++) out[i * pitch + c] = random.next();
  }

  std::vector<float> expected = out;
  for (size_t i = 0; i < pixels; i++) {
    for (size_t c = 0; c < channels; c++) {
      float& sum = expected[i * pitch + c];
      if (!accumulate) sum = bias ? shift[c] : 0.0f;
      for (size_t tap = 0; tap < taps; tap++)
        sum += rows[tap * pixels + i][c] * weights[tap_k[tap] * pitch + c];
    }
  }
  kernels.depthwise[pixels - 1]({rows.data(), tap_k.data(), taps, weights.data(), pitch,
                                 bias ? shift.data() : nullptr, y_rows.data(), channels,
                                 accumulate});
  CHECK(out == expected, "depthwise_f32_%zu_%s channels %zu taps %zu bias %d accumulate %d", pixels,
        kernels.isa, channels, taps, bias, accumulate);
}

void check_kernels(const Kernels& kernels) {
  for (size_t panels = 1; panels <= kernels.panels; panels++) {
    for (size_t mr = 1; mr <= kernels.mr; mr++) {
      for (size_t columns = (panels - 1) * kPanel + 1; columns <= panels * kPanel; columns++) {
        for (size_t kc : {1, 2, 5, 16, 33}) {
          check_gemm(kernels, {panels, mr, columns, kc, 2, true, false});
          check_gemm(kernels, {panels, mr, columns, kc, 3, false, true});
        }
        check_gemm(kernels, {panels, mr, columns, 7, 1, false, false});
        check_gemm(kernels, {panels, mr, columns, 1, 0, true, false});
      }
    }
  }
  for (size_t pixels = 1; pixels <= kernels.pixels; pixels++) {
    for (size_t channels = 1; channels <= 70; channels++) {
      check_depthwise(kernels, pixels, channels, 9, true, false);
      check_depthwise(kernels, pixels, channels, 2, false, true);
      check_depthwise(kernels, pixels, channels, 0, true, false);
      check_depthwise(kernels, pixels, channels, 1, false, false);
    }
  }
}

}  // namespace

int main() {
  const Kernels* list[8];
  const size_t count = available_kernels(list, 8);
  for (size_t i = 0; i < count; i++) {
    std::printf("%s\n", list[i]->isa);
    check_kernels(*list[i]);
    CHECK(select_kernels(list[i]->isa) == list[i], "%s", list[i]->isa);
  }
  CHECK(select_kernels(nullptr) == list[0], "best");
  CHECK(select_kernels("z80") == nullptr, "unknown");
  return test::summary();
}
