// run_gemm_taps over every kind of region, on every instruction set and thread count, against plain
// loops.

#include "native/test/check.h"
#include "native/test/gemm_taps_cases.h"

using namespace untangle;
using namespace untangle::test;

int main() {
  const Kernels* kernels[8];
  const size_t sets = available_kernels(kernels, 8);
  for (ConvCase c : gemm_taps_cases()) {
    const auto expected = ConvProgram(c).expected();
    for (const WeightType type : kWeightTypes) {
      c.type = type;
      ConvProgram program(c);
      for (size_t set = 0; set < sets; set++) {
        for (size_t threads : {1, 2, 3}) {
          CHECK(program.run(*kernels[set], threads) == expected, "%s, %s, %s, %zu threads", c.name,
                name_of(type), kernels[set]->isa, threads);
        }
      }
    }
    c.type = WeightType::kFp32;
    ConvProgram program(c);
    const auto aborted = program.run(*kernels[0], 2, true);
    CHECK(aborted == program.untouched(), "%s, aborted", c.name);
  }
  return summary();
}
