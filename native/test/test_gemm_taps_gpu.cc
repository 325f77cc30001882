// gemmTaps over every kind of region on the GPU, in every precision, against plain loops.

#include "native/test/check.h"
#include "native/test/gemm_taps_cases.h"

using namespace untangle;
using namespace untangle::test;

namespace {

std::vector<float> rounded_to_halves(std::vector<float> values) {
  for (float& value : values) value = half_value(gpu::to_half(value));
  return values;
}

/// Products and sums of small integers are exact in every precision; halves round them once.
void check_on_gpu(ConvProgram& program, const std::vector<float>& expected, const char* name) {
  if (!test_device()) return;
  for (const auto precision : {gpu::Precision::kF32, gpu::Precision::kTf32, gpu::Precision::kF16}) {
    const bool rounds = precision == gpu::Precision::kF16;
    const std::vector<float> y = program.run_on_gpu(precision);
    CHECK(rounds ? rounded_to_halves(y) == rounded_to_halves(expected) : y == expected,
          "%s, GPU, precision %u", name, static_cast<unsigned>(precision));
  }
}

}  // namespace

int main() {
  for (const ConvCase& c : gemm_taps_cases()) {
    ConvProgram program(c);
    check_on_gpu(program, program.expected(), c.name);
  }
  // There weights are widened before anything else is done with them.
  for (ConvCase c :
       {plain("groups", {1, 6, 7, 12}, 40, 3, 1, 1, 2), fused("fused", {1, 5, 6, 9}, 3, 9, 11)}) {
    const auto expected = ConvProgram(c).expected();
    for (const WeightType type : {WeightType::kFp16, WeightType::kInt8}) {
      c.type = type;
      ConvProgram program(c);
      if (test_device())
        CHECK(program.run_on_gpu() == expected, "%s, GPU, %s", c.name, name_of(type));
    }
  }
  return summary();
}
