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
  kernels.epilogue({1, 1, &source, &target, nullptr, {fn, alpha}});
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
    {"sin", Unary::kSin, -100, 100, 3e-7, std::sin},
    {"sin far away", Unary::kSin, 3.3e7f, 3.35e7f, 3e-7, std::sin},
    {"sin near 0", Unary::kSin, -1e-3f, 1e-3f, 3e-7, std::sin},
    {"cos", Unary::kCos, -100, 100, 3e-7, std::cos},
    {"cos far away", Unary::kCos, -3.35e7f, -3.3e7f, 3e-7, std::cos},
    {"tan", Unary::kTan, -1.5f, 1.5f, 3e-7, std::tan},
    {"atanh", Unary::kAtanh, -0.9f, 0.9f, 3e-7, std::atanh},
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
  kernels.epilogue({1, kCount, &source, &target, nullptr, {f.fn, 1}});
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
  is(Unary::kLog, -0.0f, -kInf);
  is(Unary::kLog, kInf, kInf);
  is(Unary::kLog, 1, 0);
  is(Unary::kElu, -kInf, -1);
  is(Unary::kElu, kInf, kInf);
  is(Unary::kSoftplus, kInf, kInf);
  is(Unary::kSoftplus, -kInf, 0);
  CHECK(std::isnan(apply(kernels, Unary::kLog, -1, 0)), "log(-1), %s", kernels.isa);
  is(Unary::kRound, 2.5f, 2);
  is(Unary::kRound, -3.5f, -4);
  is(Unary::kRound, -0.25f, -0.0f);
  is(Unary::kSign, -kInf, -1);
  is(Unary::kToBool, std::nanf(""), 1);
  is(Unary::kToInteger, std::nanf(""), 0);
  is(Unary::kToInteger, -0.75f, 0);
  is(Unary::kThresholdedRelu, std::nanf(""), 0);
  is(Unary::kShrink, std::nanf(""), 0);
  for (uint32_t fn = 0; fn < kUnaryCount; fn++) {
    switch (static_cast<Unary>(fn)) {
      case Unary::kPrelu:
      case Unary::kToBool:
      case Unary::kToInteger:
      case Unary::kThresholdedRelu:
      case Unary::kShrink:
        continue;
      default:
        const float y = apply(kernels, static_cast<Unary>(fn), std::nanf(""), 1);
        CHECK(std::isnan(y), "function %u of NaN is %g, %s", fn, y, kernels.isa);
    }
  }
}

/// Sine and cosine of what no reduction in double can tell apart go to libm.
void check_far(const Kernels& kernels) {
  const float x[] = {1e10f, -3e38f, 5, kInf};
  float y[4];
  kernels.ops.unary(Unary::kSin, 0, 0, x, y, 4);
  for (size_t i = 0; i < 3; i++) {
    const double exact = std::sin(static_cast<double>(x[i]));
    CHECK(std::fabs(y[i] - exact) <= 3e-7 * std::fabs(exact), "sin(%g) is %g", x[i], y[i]);
  }
  CHECK(std::isnan(y[3]), "sin(inf) is %g", y[3]);
}

/// Every float16 and its neighbours in f32, against arithmetic with powers of two.
void check_short_floats(const Kernels& kernels) {
  for (uint32_t bits = 0; bits < 0x7f800000u; bits += 0x7ffu) {
    const float x = std::bit_cast<float>(bits);
    const double quantum = std::max(std::ldexp(1.0, std::ilogb(std::max(x, 1e-30f)) - 10), 0x1p-24);
    const double nearest = std::nearbyint(x / quantum) * quantum;
    const float half = apply(kernels, Unary::kToFloat16, x, 0);
    CHECK(half == (nearest >= 65536 ? kInf : static_cast<float>(nearest)), "float16 of %g is %g", x,
          half);
    const float brain = apply(kernels, Unary::kToBfloat16, -x, 0);
    const float upper = std::bit_cast<float>(bits & 0xffff0000u);
    const float next = std::bit_cast<float>((bits & 0xffff0000u) + 0x10000u);
    const bool is_up = (bits & 0xffffu) > 0x8000u || ((bits & 0x1ffffu) == 0x18000u);
    CHECK(brain == -(is_up ? next : upper), "bfloat16 of %g is %g", -x, brain);
  }
}

/// Wrapping against integer arithmetic, up to the last values before the ends.
void check_integers(const Kernels& kernels) {
  const auto wrapped = [&](float x, float low, float range) {
    float y = 0;
    kernels.ops.unary(Unary::kToInteger, low, range, &x, &y, 1);
    return y;
  };
  for (int32_t x = -70000; x <= 70000; x += 7) {
    const float value = static_cast<float>(x) + (x > 0 ? 0.5f : -0.5f);
    CHECK(wrapped(value, -128, 256) == static_cast<float>(static_cast<int8_t>(x)), "int8 of %d", x);
    CHECK(wrapped(value, 0, 65536) == static_cast<float>(static_cast<uint16_t>(x)), "uint16 of %d",
          x);
    CHECK(wrapped(value, 0, 0) == static_cast<float>(x), "int64 of %d", x);
  }
  CHECK(wrapped(2147483520.0f, -0x1p31f, 0x1p32f) == 2147483520.0f, "int32 just below 2^31");
  CHECK(wrapped(0x1p31f, -0x1p31f, 0x1p32f) == -0x1p31f, "int32 of 2^31");
  CHECK(wrapped(kInf, 0, 256) == 0, "uint8 of infinity");
}

/// Sanitizers see what the functions do with bits that are no number in their range.
void take_everything(const Kernels& kernels) {
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  constexpr float kLargest = std::numeric_limits<float>::max();
  const float kNan = std::numeric_limits<float>::quiet_NaN();
  const float specials[] = {0, kInf, kNan, kDenormal, kLargest, 1, 0.5f, 0x1p31f, 0x1p63f, 88.8f};
  for (uint32_t fn = 0; fn < kUnaryCount; fn++) {
    if (static_cast<Unary>(fn) == Unary::kPrelu) continue;  // it wants slopes
    for (float x : specials) {
      for (float alpha : {0.0f, 1.0f, -2.5f, kNan}) {
        apply(kernels, static_cast<Unary>(fn), x, alpha);
        apply(kernels, static_cast<Unary>(fn), -x, alpha);
      }
    }
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
    check_far(*list[i]);
    check_short_floats(*list[i]);
    check_integers(*list[i]);
    take_everything(*list[i]);
  }
  return test::summary();
}
