// Constants as halves: how numbers round, and which constants are stored so.

#include <cmath>
#include <cstdint>
#include <vector>

#include "native/gpu/half.h"
#include "native/gpu/half_constants.h"
#include "native/gpu/plan.h"
#include "native/test/check.h"

using namespace untangle;
using namespace untangle::gpu;
using namespace untangle::test;

namespace {

/// A finite half by the definition of binary16.
double value_of(uint32_t half) {
  const double fraction = half & 0x3ffu;
  const int exponent = static_cast<int>(half >> 10 & 31u);
  return exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
}

/// Every half and what lies between it and the next: the nearest is taken, of two the even one.
void check_rounding() {
  for (uint32_t half = 0; half < 0x7bffu; half++) {
    const double low = value_of(half);
    const double high = value_of(half + 1);
    const auto middle = static_cast<float>((low + high) / 2);
    const uint32_t even = half % 2 == 0 ? half : half + 1;
    CHECK(to_half(static_cast<float>(low)) == half, "half %u", half);
    CHECK(to_half(middle) == even, "between %u and the next", half);
    CHECK(to_half(std::nextafter(middle, 0.0f)) == half, "below the middle above %u", half);
    CHECK(to_half(-std::nextafter(middle, 1e9f)) == (0x8000u | (half + 1)), "above it, %u", half);
  }
  CHECK(to_half(65519.996f) == 0x7bffu && to_half(kHalfOverflow) == 0x7c00u, "the largest");
  CHECK(to_half(-INFINITY) == 0xfc00u && (to_half(NAN) & 0x7fffu) > 0x7c00u, "no numbers");
  CHECK(to_half(-0.0f) == 0x8000u, "minus zero");
}

ViewRecord constants_view(uint32_t first, uint32_t count) {
  return {kSlotConstants, first * 4, 1, 0, count, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
}

void check_ranges() {
  std::vector<float> constants(8192, 1.0f);
  constants[6000] = 70000.0f;
  const ViewRecord views[] = {
      constants_view(0, 1024),     // weights
      constants_view(1024, 16),    // bias
      constants_view(1040, 1000),  // weights of two commands, by two views
      constants_view(1040, 1000),
      constants_view(2048, 1024),  // weights, part of which are read as values
      constants_view(3000, 8),
      constants_view(3072, 1024),  // weights that overlap others
      constants_view(3584, 1024),
      constants_view(4608, 100),   // too few
      constants_view(5500, 1024),  // one is too large for a half
      constants_view(7000, 1024),  // nobody reads it
  };
  const auto kOperand = ViewUse::kOperand;
  const auto kValues = ViewUse::kValues;
  const ViewUse uses[] = {kOperand, kValues,  kOperand, kOperand, kOperand,      kValues,
                          kOperand, kOperand, kOperand, kOperand, ViewUse::kNone};
  Program program{};
  program.views = views;
  program.constants = constants;
  const std::vector<HalfRange> halves = half_ranges(program, uses);
  CHECK(halves.size() == 2, "%zu ranges", halves.size());
  CHECK(halves[0].first == 0 && halves[0].count == 1024, "the first weights");
  CHECK(halves[1].first == 1040 && halves[1].count == 1000, "the shared weights");

  const std::vector<ConstantRun> runs = constant_runs(constants.size(), halves);
  size_t at = 0;
  size_t bytes = 0;
  for (const ConstantRun& run : runs) {
    CHECK(run.first == at, "a run begins at %zu", run.first);
    at += run.count;
    bytes += run.bytes();
  }
  CHECK(at == constants.size() && bytes == 4 * constants.size() - 2 * 2024, "%zu bytes", bytes);
  for (const size_t first : {size_t{0}, size_t{1023}, size_t{1024}, size_t{2040}, size_t{8191}}) {
    const ConstantRun& run = run_of(runs, first);
    CHECK(run.first <= first && first < run.first + run.count, "the run of %zu", first);
  }
}

}  // namespace

int main() {
  check_rounding();
  check_ranges();
  return summary();
}
