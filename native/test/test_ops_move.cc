// copy, fill, gathers, scatters and elementwise over random views, against plain loops.

#include <algorithm>

#include "native/test/op_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

void check_copy(uint32_t seed, const Dims& dims, Lay from, Lay to) {
  OpProgram p(seed);
  const uint32_t x = p.add(dims, from);
  const uint32_t y = p.add(dims, to);
  std::vector<float> expected = p.arena;
  for (size_t i = 0; i < p.count(y); i++) expected[p.at_flat(y, i)] = p.arena[p.at_flat(x, i)];
  p.check(CopyCommand{Opcode::kCopy, x, y, {}}, expected, "copy " + std::to_string(seed));
}

/// x as NCHW memory seen as NHWC, or the other way round: the two copies every model begins and
/// ends with.
void check_transpose(uint32_t channels, uint32_t pixels, bool to_planes) {
  OpProgram p(channels * 1000 + pixels);
  const uint32_t x = p.add({1, pixels, channels}, Lay::kContiguous);
  const uint32_t y = p.add({1, pixels, channels}, Lay::kContiguous);
  ViewRecord& planes = p.views[to_planes ? y : x];
  planes.stride1 = 1;
  planes.stride2 = static_cast<int32_t>(pixels);
  std::vector<float> expected = p.arena;
  for (size_t i = 0; i < p.count(y); i++) expected[p.at_flat(y, i)] = p.arena[p.at_flat(x, i)];
  p.check(CopyCommand{Opcode::kCopy, x, y, {}}, expected,
          "transpose " + std::to_string(channels) + " x " + std::to_string(pixels));
}

/// A program file may copy a row over part of itself: any result will do, but every element must be
/// one of x.
void check_overlap(int shift) {
  OpProgram p(static_cast<uint32_t>(shift + 100));
  const uint32_t x = p.add({64}, Lay::kContiguous);
  const uint32_t y = p.add({64}, Lay::kContiguous);
  p.views[x].offset_bytes = 32 * 4;
  p.views[y].offset_bytes = static_cast<uint32_t>(32 + shift) * 4;
  std::vector<float> expected = p.arena;
  std::copy_n(p.arena.begin() + 32, 64, expected.begin() + 32 + shift);
  p.check(CopyCommand{Opcode::kCopy, x, y, {}}, expected, "overlap " + std::to_string(shift));
}

void check_fill(uint32_t seed, const Dims& dims) {
  OpProgram p(seed);
  const uint32_t y = p.add(dims, Lay::kAny);
  std::vector<float> expected = p.arena;
  for (size_t i = 0; i < p.count(y); i++) expected[p.at_flat(y, i)] = -2.5f;
  p.check(FillCommand{Opcode::kFill, y, std::bit_cast<uint32_t>(-2.5f), {}}, expected, "fill");
}

void check_gather(uint32_t seed, const Dims& x_dims, uint32_t outputs) {
  OpProgram p(seed);
  const uint32_t x = p.add(x_dims, Lay::kBroadcast);
  const uint32_t y = p.add({x_dims[0], outputs, x_dims[2]}, Lay::kAny);
  for (uint32_t i = 0; i < outputs; i++)
    p.indices.push_back(static_cast<int32_t>(p.random.below(x_dims[1])));
  std::vector<float> expected = p.arena;
  for (uint32_t i = 0; i < x_dims[0]; i++) {
    for (uint32_t j = 0; j < outputs; j++) {
      for (uint32_t k = 0; k < x_dims[2]; k++) {
        expected[p.at(y, {i, j, k})] =
            p.arena[p.at(x, {i, static_cast<uint32_t>(p.indices[j]), k})];
      }
    }
  }
  p.check(GatherCommand{Opcode::kGather, x, y, 0, outputs, {}}, expected, "gather");
}

/// A table [loops.., axes..] of which dims may be shared by several loops, and tuples into its
/// axes.
struct IndexedCase {
  OpProgram p;
  uint32_t table, loops, indices;
  size_t axes;

  IndexedCase(uint32_t seed, const Dims& loop_dims, const Dims& axis_dims, Lay table_lay)
      : p(seed) {
    Dims table_dims = loop_dims;
    table_dims.insert(table_dims.end(), axis_dims.begin(), axis_dims.end());
    Dims index_dims = loop_dims;
    axes = axis_dims.size();
    index_dims.push_back(static_cast<uint32_t>(axes));
    table = p.add(table_dims, table_lay);
    loops = p.add(loop_dims, Lay::kAny);
    indices = p.add(index_dims, Lay::kBroadcast);
    // Whole indices in [-size, size) of the smallest axis: broadcast tuples serve several axes.
    const int size = static_cast<int>(*std::min_element(axis_dims.begin(), axis_dims.end()));
    for (size_t i = 0; i < p.count(indices); i++) {
      p.arena[p.at_flat(indices, i)] =
          static_cast<float>(static_cast<int>(p.random.below(2 * size)) - size);
    }
  }

  /// Where the tuple of element `i` of the loops leads in the arena.
  size_t found(size_t i) const {
    const ViewRecord& view = p.views[table];
    const uint32_t rank = p.views[loops].rank;
    int64_t offset = view.offset_bytes / 4;
    size_t rest = i;
    for (uint32_t d = rank; d-- > 0;) {
      offset += static_cast<int64_t>(rest % p.dims(loops)[d]) * (&view.stride0)[d];
      rest /= p.dims(loops)[d];
    }
    for (size_t k = 0; k < axes; k++) {
      const int64_t index = static_cast<int64_t>(p.arena[p.at_flat(indices, i * axes + k)]);
      const int64_t size = p.dims(table)[rank + k];
      offset += (index < 0 ? index + size : index) * (&view.stride0)[rank + k];
    }
    return static_cast<size_t>(offset);
  }
};

void check_gather_indexed(uint32_t seed, const Dims& loops, const Dims& axes) {
  IndexedCase c(seed, loops, axes, Lay::kBroadcast);
  std::vector<float> expected = c.p.arena;
  for (size_t i = 0; i < c.p.count(c.loops); i++) {
    expected[c.p.at_flat(c.loops, i)] = c.p.arena[c.found(i)];
  }
  c.p.check(GatherIndexedCommand{Opcode::kGatherIndexed, c.table, c.loops, c.indices, {}}, expected,
            "gatherIndexed " + std::to_string(seed));
}

void check_scatter_indexed(uint32_t seed, const Dims& loops, const Dims& axes, Scatter fn) {
  IndexedCase c(seed, loops, axes, Lay::kBroadcast);
  std::vector<float> expected = c.p.arena;
  for (size_t i = 0; i < c.p.count(c.loops); i++) {
    float& element = expected[c.found(i)];
    const float update = c.p.arena[c.p.at_flat(c.loops, i)];
    element = fn == Scatter::kSet   ? update
              : fn == Scatter::kAdd ? element + update
              : fn == Scatter::kMul ? element * update
              : fn == Scatter::kMin ? std::min(element, update)
                                    : std::max(element, update);
  }
  c.p.check(
      ScatterIndexedCommand{
          Opcode::kScatterIndexed, c.loops, c.table, c.indices, static_cast<uint32_t>(fn), {}},
      expected, "scatterIndexed " + std::to_string(seed));
}

double other_value(Unary fn, double x, double alpha, double beta) {
  switch (fn) {
    case Unary::kSign:
      return (x > 0) - (x < 0);
    case Unary::kRound:
      return std::nearbyint(x);
    case Unary::kToInteger:
      return beta > 0 ? std::trunc(x) - beta * std::floor((std::trunc(x) - alpha) / beta)
                      : std::trunc(x);
    case Unary::kToBool:
      return x != 0;
    case Unary::kToFloat16:
      return std::nearbyint(x * 0x1p8) / 0x1p8;  // for the eighths of check_functions: no change
    case Unary::kToBfloat16:
      return std::nearbyint(x * 0x1p3) / 0x1p3;
    case Unary::kSin:
      return std::sin(x);
    case Unary::kCos:
      return std::cos(x);
    case Unary::kTan:
      return std::tan(x);
    case Unary::kAsin:
      return std::asin(x);
    case Unary::kAcos:
      return std::acos(x);
    case Unary::kAtan:
      return std::atan(x);
    case Unary::kSinh:
      return std::sinh(x);
    case Unary::kCosh:
      return std::cosh(x);
    case Unary::kAsinh:
      return std::asinh(x);
    case Unary::kAcosh:
      return std::acosh(x);
    case Unary::kAtanh:
      return std::atanh(x);
    default:
      return 0;
  }
}

double unary_value(Unary fn, double x, double alpha, double beta) {
  switch (fn) {
    case Unary::kIdentity:
    case Unary::kPrelu:
      return x;
    case Unary::kRelu:
      return std::max(x, 0.0);
    case Unary::kLeakyRelu:
      return x < 0 ? alpha * x : x;
    case Unary::kClip:
      return std::min(std::max(x, alpha), beta);
    case Unary::kTanh:
      return std::tanh(x);
    case Unary::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Unary::kHardSigmoid:
      return std::max(0.0, std::min(1.0, alpha * x + beta));
    case Unary::kHardSwish:
      return x * std::max(0.0, std::min(1.0, x / 6 + 0.5));
    case Unary::kElu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case Unary::kExp:
      return std::exp(x);
    case Unary::kLog:
      return std::log(x);
    case Unary::kSqrt:
      return std::sqrt(x);
    case Unary::kAbs:
      return std::abs(x);
    case Unary::kNeg:
      return -x;
    case Unary::kReciprocal:
      return 1 / x;
    case Unary::kFloor:
      return std::floor(x);
    case Unary::kCeil:
      return std::ceil(x);
    case Unary::kErf:
      return std::erf(x);
    case Unary::kSoftplus:
      return std::log1p(std::exp(x));
    case Unary::kAffine:
      return alpha * x + beta;
    case Unary::kThresholdedRelu:
      return x > alpha ? x : 0;
    case Unary::kShrink:
      return x < -alpha ? x + beta : x > alpha ? x - beta : 0;
    default:
      return other_value(fn, x, alpha, beta);
  }
}

double binary_value(Binary fn, double a, double b) {
  switch (fn) {
    case Binary::kAdd:
      return a + b;
    case Binary::kSub:
      return a - b;
    case Binary::kMul:
      return a * b;
    case Binary::kDiv:
      return a / b;
    case Binary::kMin:
      return std::min(a, b);
    case Binary::kMax:
      return std::max(a, b);
    case Binary::kPow:
      return std::pow(a, b);
    case Binary::kPrelu:
      return a < 0 ? a * b : a;
    case Binary::kMod:
      return a - b * std::floor(a / b);
    case Binary::kFmod:
      return std::fmod(a, b);
    case Binary::kEqual:
      return a == b;
    case Binary::kLess:
      return a < b;
    case Binary::kLessOrEqual:
      return a <= b;
  }
  return 0;
}

double chain_value(const OpProgram& p, const std::vector<uint32_t>& inputs, size_t element) {
  std::vector<double> values;
  for (const uint32_t input : inputs) values.push_back(p.arena[p.at_flat(input, element)]);
  for (const OpRecord& op : p.ops) {
    if (op.kind == kOpUnary) {
      values.push_back(unary_value(static_cast<Unary>(op.code), values[op.a],
                                   std::bit_cast<float>(op.alpha_bits),
                                   std::bit_cast<float>(op.beta_bits)));
    } else if (op.kind == kOpBinary) {
      values.push_back(binary_value(static_cast<Binary>(op.code), values[op.a], values[op.b]));
    } else {
      values.push_back(values[op.a] != 0 ? values[op.b] : values[op.c]);
    }
  }
  return values.back();
}

void check_chain(OpProgram& p, const std::vector<uint32_t>& inputs, uint32_t y,
                 const std::string& name, double tolerance) {
  std::vector<float> expected = p.arena;
  for (size_t i = 0; i < p.count(y); i++) {
    expected[p.at_flat(y, i)] = static_cast<float>(chain_value(p, inputs, i));
  }
  ElementwiseCommand command{Opcode::kElementwise,
                             y,
                             static_cast<uint32_t>(inputs.size()),
                             kNone,
                             kNone,
                             kNone,
                             kNone,
                             kNone,
                             kNone,
                             0,
                             static_cast<uint32_t>(p.ops.size()),
                             {}};
  for (size_t i = 0; i < inputs.size(); i++) (&command.in0)[i] = inputs[i];
  p.check(command, expected, name, tolerance);
}

/// Exact functions only: adds, products, minima of small integers.
void check_random_chain(uint32_t seed, const Dims& dims) {
  OpProgram p(seed);
  std::vector<uint32_t> inputs;
  const uint32_t count = p.random.between(1, 6);
  for (uint32_t i = 0; i < count; i++) inputs.push_back(p.add(dims, Lay::kBroadcast, 3));
  const bool in_place = p.random.one_in(3);
  if (in_place) inputs[0] = p.add(dims, Lay::kAny, 3);
  const uint32_t y = in_place ? inputs[0] : p.add(dims, Lay::kAny);
  constexpr Binary kExact[] = {Binary::kAdd,   Binary::kSub,  Binary::kMin,         Binary::kMax,
                               Binary::kPrelu, Binary::kLess, Binary::kLessOrEqual, Binary::kEqual};
  const uint32_t steps = p.random.between(1, 5);
  for (uint32_t i = 0; i < steps; i++) {
    const uint32_t a = p.random.below(count + i);
    const uint32_t b = p.random.below(count + i);
    if (p.random.one_in(3)) {
      p.ops.push_back({kOpUnary, static_cast<uint32_t>(Unary::kLeakyRelu), a, 0,
                       std::bit_cast<uint32_t>(2.0f), 0, 0, 0});
    } else if (p.random.one_in(3)) {
      p.ops.push_back({kOpTernary, static_cast<uint32_t>(Ternary::kSelect), a, b, 0, 0,
                       p.random.below(count + i), 0});
    } else {
      p.ops.push_back(
          {kOpBinary, static_cast<uint32_t>(kExact[p.random.below(8)]), a, b, 0, 0, 0, 0});
    }
  }
  check_chain(p, inputs, y, "chain " + std::to_string(seed), 0);
}

void check_functions() {
  for (uint32_t code = 0; code < kUnaryCount; code++) {
    if (static_cast<Unary>(code) == Unary::kPrelu) continue;
    OpProgram p(code);
    const uint32_t x = p.add({3, 37}, Lay::kAny);
    const uint32_t y = p.add({3, 37}, Lay::kAny);
    for (float& value : p.arena) value *= 0.625f;
    p.ops.push_back({kOpUnary, code, 0, 0, std::bit_cast<uint32_t>(0.25f),
                     std::bit_cast<uint32_t>(0.5f), 0, 0});
    check_chain(p, {x}, y, "unary " + std::to_string(code), 1e-6);
  }
  for (uint32_t code = 0; code < kBinaryCount; code++) {
    OpProgram p(code);
    const uint32_t a = p.add({3, 37}, Lay::kBroadcast);
    const uint32_t b = p.add({3, 37}, Lay::kBroadcast, 3);
    const uint32_t y = p.add({3, 37}, Lay::kAny);
    p.ops.push_back({kOpBinary, code, 0, 1, 0, 0, 0, 0});
    check_chain(p, {a, b}, y, "binary " + std::to_string(code), 1e-6);
  }
}

}  // namespace

int main() {
  for (const int shift : {-16, -3, 0}) check_overlap(shift);
  Random random(7);
  for (uint32_t seed = 0; seed < 150; seed++) {
    Dims dims;
    for (uint32_t rank = random.between(1, 6); rank > 0; rank--)
      dims.push_back(random.between(1, 9));
    check_copy(seed, dims, Lay::kBroadcast, Lay::kAny);
    check_fill(seed, dims);
    check_random_chain(seed, dims);
  }
  check_copy(1, {40, 30, 50}, Lay::kAny, Lay::kAny);
  check_copy(2, {70000}, Lay::kContiguous, Lay::kContiguous);
  for (const uint32_t channels : {1, 2, 3, 4, 5, 16, 23, 64}) {
    for (const uint32_t pixels : {1, 7, 64, 1000}) {
      check_transpose(channels, pixels, true);
      check_transpose(channels, pixels, false);
    }
  }
  check_random_chain(1000, {64, 33, 70});
  check_random_chain(1001, {5, 40000});
  for (uint32_t seed = 0; seed < 20; seed++)
    check_gather(seed, {random.between(1, 5), 7, random.between(1, 40)}, 9);
  check_gather(50, {100, 30, 20}, 40);
  for (uint32_t seed = 0; seed < 40; seed++) {
    Random random(seed);
    Dims loops, axes;
    for (uint32_t d = random.between(1, 3); d > 0; d--) loops.push_back(random.between(1, 6));
    for (uint32_t d = random.between(1, 3); d > 0; d--) axes.push_back(random.between(1, 5));
    check_gather_indexed(seed, loops, axes);
    check_scatter_indexed(seed, loops, axes, static_cast<Scatter>(seed % kScatterCount));
  }
  check_gather_indexed(40, {40000}, {30});
  check_gather_indexed(41, {70, 900}, {5, 3});
  check_functions();
  return summary();
}
