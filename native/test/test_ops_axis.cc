// argReduce and cumulative over random views, against plain loops.

#include "native/test/op_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

void check_arg(uint32_t seed, const Dims& kept, uint32_t size, Extreme fn, bool last, Lay lay) {
  OpProgram p(seed);
  Dims all = kept;
  all.push_back(size);
  const uint32_t x = p.add(all, lay, 2);  // few values: most elements have equals
  const uint32_t y = p.add(kept, Lay::kAny);
  std::vector<float> expected = p.arena;
  for (size_t i = 0; i < p.count(y); i++) {
    const auto value = [&](size_t k) { return p.arena[p.at_flat(x, i * size + k)]; };
    size_t best = 0;
    for (size_t k = 1; k < size; k++) {
      const bool better = fn == Extreme::kMax ? value(k) > value(best) : value(k) < value(best);
      if (better || (last && value(k) == value(best))) best = k;
    }
    expected[p.at_flat(y, i)] = static_cast<float>(best);
  }
  p.check(ArgReduceCommand{Opcode::kArgReduce, x, y, static_cast<uint32_t>(fn), last ? 1u : 0u, {}},
          expected, "argReduce " + std::to_string(seed));
}

void check_cumulative(uint32_t seed, const Dims& dims, Cumulate fn, bool exclusive, bool in_place) {
  OpProgram p(seed);
  const uint32_t x = p.add(dims, Lay::kAny, fn == Cumulate::kProd ? 1 : 8);
  const uint32_t y = in_place ? x : p.add(dims, Lay::kAny);
  std::vector<float> expected = p.arena;
  const size_t size = dims.back();
  double total = 0;
  for (size_t i = 0; i < p.count(x); i++) {
    if (i % size == 0) total = fn == Cumulate::kSum ? 0 : 1;
    const double value = p.arena[p.at_flat(x, i)];
    const double next = fn == Cumulate::kSum ? total + value : total * value;
    expected[p.at_flat(y, i)] = static_cast<float>(exclusive ? total : next);
    total = next;
  }
  p.check(
      CumulativeCommand{
          Opcode::kCumulative, x, y, static_cast<uint32_t>(fn), exclusive ? 1u : 0u, {}},
      expected, "cumulative " + std::to_string(seed));
}

}  // namespace

int main() {
  Random random(12);
  for (uint32_t seed = 0; seed < 80; seed++) {
    Dims kept;
    for (uint32_t rank = random.between(1, 4); rank > 0; rank--)
      kept.push_back(random.between(1, 7));
    check_arg(seed, kept, random.between(1, 20), static_cast<Extreme>(seed % kExtremeCount),
              random.one_in(2), Lay::kBroadcast);
    kept.push_back(random.between(1, 20));
    check_cumulative(seed, kept, static_cast<Cumulate>(seed % kCumulateCount), random.one_in(2),
                     random.one_in(3));
  }
  check_arg(100, {200, 90}, 21, Extreme::kMax, false, Lay::kContiguous);
  check_cumulative(100, {40, 3000}, Cumulate::kSum, false, false);
  return summary();
}
