// reduce, softmax, normalize and matmul over random views, against plain loops in double.

#include <algorithm>
#include <limits>

#include "native/test/op_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

void check_reduce(uint32_t seed, const Dims& kept, const Dims& reduced, Reduce fn, Lay lay) {
  OpProgram p(seed);
  Dims all = kept;
  all.insert(all.end(), reduced.begin(), reduced.end());
  // Products of few values, which do not leave the range of a float.
  const uint32_t x = p.add(all, lay, fn == Reduce::kProd ? 1 : 8);
  const uint32_t y = p.add(kept, Lay::kAny);
  std::vector<float> expected = p.arena;
  const size_t count = p.count(x) / p.count(y);
  for (size_t i = 0; i < p.count(y); i++) {
    double sum = fn == Reduce::kProd ? 1 : 0;
    float high = -std::numeric_limits<float>::infinity();
    float low = std::numeric_limits<float>::infinity();
    for (size_t k = 0; k < count; k++) {
      const float value = p.arena[p.at_flat(x, i * count + k)];
      switch (fn) {
        case Reduce::kProd:
          sum *= value;
          break;
        case Reduce::kSumSquares:
          sum += double{value} * value;
          break;
        case Reduce::kSumAbs:
          sum += std::abs(double{value});
          break;
        default:
          sum += value;
      }
      high = std::max(high, value);
      low = std::min(low, value);
    }
    if (fn == Reduce::kMean) sum /= static_cast<double>(count);
    expected[p.at_flat(y, i)] = fn == Reduce::kMax   ? high
                                : fn == Reduce::kMin ? low
                                                     : static_cast<float>(sum);
  }
  p.check(ReduceCommand{Opcode::kReduce, x, y, static_cast<uint32_t>(fn), {}}, expected,
          "reduce " + std::to_string(seed),
          fn == Reduce::kProd   ? 1e-5
          : fn == Reduce::kMean ? 1e-7
                                : 0);
}

void check_softmax(uint32_t seed, const Dims& dims, bool log, bool in_place) {
  OpProgram p(seed);
  const uint32_t x = p.add(dims, Lay::kAny);
  const uint32_t y = in_place ? x : p.add(dims, Lay::kAny);
  std::vector<float> expected = p.arena;
  const size_t size = dims.back();
  for (size_t row = 0; row < p.count(x); row += size) {
    double largest = -1e9;
    double sum = 0;
    for (size_t i = 0; i < size; i++)
      largest = std::max<double>(largest, p.arena[p.at_flat(x, row + i)]);
    for (size_t i = 0; i < size; i++) sum += std::exp(p.arena[p.at_flat(x, row + i)] - largest);
    for (size_t i = 0; i < size; i++) {
      const double shifted = p.arena[p.at_flat(x, row + i)] - largest;
      expected[p.at_flat(y, row + i)] =
          static_cast<float>(log ? shifted - std::log(sum) : std::exp(shifted) / sum);
    }
  }
  p.check(SoftmaxCommand{Opcode::kSoftmax, x, y, log ? 1u : 0u, {}}, expected,
          "softmax " + std::to_string(seed), 2e-6);
}

/// A view of `count` floats in a row: scales and biases.
uint32_t vector_of(OpProgram& p, uint32_t count) { return p.add({count}, Lay::kContiguous, 4); }

void check_normalize(uint32_t seed, const Dims& dims, Lay lay, bool in_place) {
  OpProgram p(seed);
  const uint32_t channels = dims[3];
  const uint32_t x = p.add(dims, lay);
  const uint32_t y = in_place ? x : p.add(dims, lay);
  const uint32_t residual = p.random.one_in(2) ? p.add(dims, lay) : kNone;
  const uint32_t scale = vector_of(p, channels);
  const uint32_t bias = p.random.one_in(2) ? vector_of(p, channels) : kNone;
  const uint32_t slope = vector_of(p, channels);
  const uint32_t scratch = p.add({kNormalizeChunks * 2 + 2, dims[0], channels}, Lay::kContiguous);
  const bool prelu = p.random.one_in(2);
  // A mean far from zero, where a sum of squares in f32 would lose the variance.
  for (size_t i = 0; i < p.count(x); i++) p.arena[p.at_flat(x, i)] += 100;

  std::vector<float> expected = p.arena;
  const uint32_t pixels = dims[1] * dims[2];
  const auto element = [&](const std::vector<float>& memory, uint32_t view, uint32_t n, uint32_t i,
                           uint32_t c) {
    return double{memory[p.at(view, {n, i / dims[2], i % dims[2], c})]};
  };
  for (uint32_t n = 0; n < dims[0]; n++) {
    for (uint32_t c = 0; c < channels; c++) {
      double mean = 0;
      double variance = 0;
      for (uint32_t i = 0; i < pixels; i++) mean += element(p.arena, x, n, i, c) / pixels;
      for (uint32_t i = 0; i < pixels; i++)
        variance += std::pow(element(p.arena, x, n, i, c) - mean, 2) / pixels;
      for (uint32_t i = 0; i < pixels; i++) {
        double value = (element(p.arena, x, n, i, c) - mean) / std::sqrt(variance + 1e-3) *
                       p.arena[p.at(scale, {c})];
        if (bias != kNone) value += p.arena[p.at(bias, {c})];
        if (residual != kNone) value += element(p.arena, residual, n, i, c);
        if (value < 0) value *= prelu ? p.arena[p.at(slope, {c})] : 0.0;
        expected[p.at(y, {n, i / dims[2], i % dims[2], c})] = static_cast<float>(value);
      }
    }
  }
  const auto activation = static_cast<uint32_t>(prelu ? Unary::kPrelu : Unary::kRelu);
  p.check(NormalizeCommand{Opcode::kNormalize,
                           x,
                           y,
                           scale,
                           bias,
                           residual,
                           prelu ? slope : kNone,
                           scratch,
                           std::bit_cast<uint32_t>(1e-3f),
                           activation,
                           0,
                           0,
                           static_cast<uint32_t>(NormalizePart::kAll),
                           0,
                           dims[1],
                           {}},
          expected, "normalize " + std::to_string(seed), 2e-4, scratch);
}

void check_matmul(uint32_t seed, uint32_t batch, uint32_t m, uint32_t k, uint32_t n, Lay lay) {
  OpProgram p(seed);
  const uint32_t a = p.add({batch, m, k}, lay, 3);
  const uint32_t b = p.add({batch, k, n}, lay, 3);
  const uint32_t y = p.add({batch, m, n}, lay == Lay::kBroadcast ? Lay::kAny : lay);
  std::vector<float> expected = p.arena;
  for (uint32_t i = 0; i < batch; i++) {
    for (uint32_t r = 0; r < m; r++) {
      for (uint32_t c = 0; c < n; c++) {
        double sum = 0;
        for (uint32_t d = 0; d < k; d++)
          sum += double{p.arena[p.at(a, {i, r, d})]} * p.arena[p.at(b, {i, d, c})];
        expected[p.at(y, {i, r, c})] = static_cast<float>(sum);
      }
    }
  }
  p.check(MatmulCommand{Opcode::kMatmul, a, b, y, {}}, expected, "matmul " + std::to_string(seed));
}

}  // namespace

int main() {
  Random random(11);
  for (uint32_t seed = 0; seed < 80; seed++) {
    Dims kept, reduced;
    for (uint32_t rank = random.between(1, 3); rank > 0; rank--)
      kept.push_back(random.between(1, 9));
    for (uint32_t rank = random.between(0, 3); rank > 0; rank--)
      reduced.push_back(random.between(1, 9));
    check_reduce(seed, kept, reduced, static_cast<Reduce>(seed % kReduceCount), Lay::kBroadcast);
    check_softmax(seed, kept, random.one_in(2), random.one_in(3));
    check_normalize(
        seed,
        {random.between(1, 3), random.between(1, 9), random.between(1, 9), random.between(1, 20)},
        random.one_in(2) ? Lay::kContiguous : Lay::kAny, random.one_in(3));
    check_matmul(seed, random.between(1, 3), random.between(1, 9), random.between(1, 40),
                 random.between(1, 70), Lay::kBroadcast);
  }
  check_reduce(100, {600}, {3000}, Reduce::kSum, Lay::kContiguous);
  check_reduce(101, {2, 3}, {90, 100}, Reduce::kMean, Lay::kContiguous);
  check_reduce(102, {520}, {300}, Reduce::kSumSquares, Lay::kAny);
  check_reduce(103, {2}, {10000}, Reduce::kSumSquares, Lay::kContiguous);
  check_reduce(104, {7, 5}, {200}, Reduce::kSumAbs, Lay::kAny);
  check_softmax(100, {3, 10000}, false, false);
  check_softmax(101, {3, 10000}, true, true);
  check_normalize(100, {1, 40, 60, 37}, Lay::kContiguous, false);
  check_normalize(101, {2, 5, 7, 1030}, Lay::kAny, false);
  check_matmul(100, 2, 300, 1500, 65, Lay::kContiguous);
  check_matmul(101, 1, 150, 1100, 40, Lay::kAny);
  return summary();
}
