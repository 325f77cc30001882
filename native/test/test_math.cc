// The vectorised scalar functions against libm in double: relative error over their ranges, and the
// special values. They are reached through the epilogue, in every instruction set.

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "native/cpu/kernels/kernels.h"
#include "native/test/check.h"

using namespace untangle;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

float apply(const Kernels& kernels, Unary fn, float x, float alpha) {
  float y = 0;
  const float* source = &x;
  float* target = &y;
  kernels.epilogue({1, 1, &source, &target, nullptr, nullptr, fn, alpha, 0});
  return y;
}

struct Function {
  const char* name;
  Unary fn;
  float first, last;
  double bound;  // relative error
  double (*exact)(double x);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double elu(double x) { return x < 0 ? std::expm1(x) : x; }
double softplus(double x) { return std::log1p(std::exp(-std::fabs(x))) + std::max(x, 0.0); }

const Function kFunctions[] = {
    {"exp", Unary::kExp, -87, 88.7f, 2e-7, std::exp},
    {"tanh", Unary::kTanh, -12, 12, 4e-7, std::tanh},
    {"tanh near 0", Unary::kTanh, -1e-3f, 1e-3f, 4e-7, std::tanh},
    {"sigmoid", Unary::kSigmoid, -86, 40, 3e-7, sigmoid},
    {"erf", Unary::kErf, -5, 5, 4e-7, std::erf},
    {"erf near 0", Unary::kErf, -1e-3f, 1e-3f, 4e-7, std::erf},
    {"log", Unary::kLog, 1e-38f, 1e3f, 3e-7, std::log},
    {"log near 1", Unary::kLog, 0.5f, 1.5f, 3e-7, std::log},
    {"elu", Unary::kElu, -40, 40, 4e-7, elu},
    {"elu near 0", Unary::kElu, -1e-2f, 1e-2f, 4e-7, elu},
    {"softplus", Unary::kSoftplus, -80, 80, 4e-7, softplus},
};

void check_range(const Kernels& kernels, const Function& f) {
  constexpr size_t kCount = 20'011;
  std::vector<float> x(kCount);
  std::vector<float> y(kCount);
  for (size_t i = 0; i < kCount; i++) {
    x[i] = f.first + (f.last - f.first) * static_cast<float>(i) / static_cast<float>(kCount - 1);
  }
  const float* source = x.data();
  float* target = y.data();
  kernels.epilogue({1, kCount, &source, &target, nullptr, nullptr, f.fn, 1, 0});
  double worst = 0;
  float where = 0;
  for (size_t i = 0; i < kCount; i++) {
    const double exact = f.exact(x[i]);
    const double error = std::fabs(y[i] - exact) / std::max(std::fabs(exact), 1e-37);
    if (error <= worst) continue;
    worst = error;
    where = x[i];
  }
  std::printf("  %-12s %.2e at %g\n", f.name, worst, where);
  CHECK(worst <= f.bound, "%s, %s: %g at %g", f.name, kernels.isa, worst, where);
}

void check_specials(const Kernels& kernels) {
  const auto is = [&](Unary fn, float x, float expected) {
    const float y = apply(kernels, fn, x, 1);
    CHECK(std::bit_cast<uint32_t>(y) == std::bit_cast<uint32_t>(expected),
          "function %u of %g is %g, %s", static_cast<unsigned>(fn), x, y, kernels.isa);
  };
  is(Unary::kExp, kInf, kInf);
  is(Unary::kExp, 200, kInf);
  is(Unary::kExp, -kInf, 0);
  is(Unary::kExp, -200, 0);
  is(Unary::kExp, 0, 1);
  is(Unary::kTanh, kInf, 1);
  is(Unary::kTanh, -kInf, -1);
  is(Unary::kTanh, -0.0f, -0.0f);
  is(Unary::kSigmoid, kInf, 1);
  is(Unary::kSigmoid, -kInf, 0);
  is(Unary::kErf, kInf, 1);
  is(Unary::kErf, -kInf, -1);
  is(Unary::kErf, -0.0f, -0.0f);
  is(Unary::kLog, 0, -kInf);
  is(Unary::kLog, kInf, kInf);
  is(Unary::kLog, 1, 0);
  is(Unary::kElu, -kInf, -1);
  is(Unary::kElu, kInf, kInf);
  is(Unary::kSoftplus, kInf, kInf);
  is(Unary::kSoftplus, -kInf, 0);
  CHECK(std::isnan(apply(kernels, Unary::kLog, -1, 0)), "log(-1), %s", kernels.isa);
  for (uint32_t fn = 0; fn < kUnaryCount; fn++) {
    if (static_cast<Unary>(fn) == Unary::kPrelu) continue;
    const float y = apply(kernels, static_cast<Unary>(fn), std::nanf(""), 1);
    CHECK(std::isnan(y), "function %u of NaN is %g, %s", fn, y, kernels.isa);
  }
}

}  // namespace

int main() {
  const Kernels* list[8];
  const size_t count = available_kernels(list, 8);
  for (size_t i = 0; i < count; i++) {
    std::printf("%s\n", list[i]->isa);
    for (const Function& f : kFunctions) check_range(*list[i], f);
    check_specials(*list[i]);
  }
  return test::summary();
}
