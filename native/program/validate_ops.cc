// Validation of every command but the convolutions.

#include <algorithm>

#include "native/program/validate.h"

namespace untangle {
namespace {

constexpr uint32_t kMaxChainOps = 32;
constexpr uint32_t kMaxChainInputs = 6;

// Whole numbers up to here are exact in f32.
constexpr uint32_t kMaxIndex = 1u << 24;

// Windows are a few pixels wide; the bound keeps products of three such numbers in 64 bits.
constexpr uint32_t kMaxWindow = 1u << 20;

}  // namespace

bool Validator::elementwise(const ElementwiseCommand& command) {
  if (!writable(command.y)) return false;
  if (!require(command.input_count >= 1 && command.input_count <= kMaxChainInputs,
               "it has no input, or more than six") ||
      !require(command.op_count >= 1 && command.op_count <= kMaxChainOps,
               "it has no function, or more than 32") ||
      !require(uint64_t{command.op_first} + command.op_count <= program_.ops.size(),
               "its functions lie outside their section")) {
    return false;
  }
  for (uint32_t i = 0; i < command.input_count; i++) {
    const uint32_t input = (&command.in0)[i];
    if (!readable(input) || !same_shape(input, command.y)) return false;
  }
  for (uint32_t i = 0; i < command.op_count; i++) {
    if (!chain_op(program_.ops[command.op_first + i], command.input_count + i)) return false;
  }
  return true;
}

bool Validator::chain_op(const OpRecord& op, uint32_t operands) {
  if (!require(op.a < operands, "a function reads a later result")) return false;
  if (op.kind == kOpUnary) {
    return require(op.code < kUnaryCount && op.code != static_cast<uint32_t>(Unary::kPrelu),
                   "a function does not exist");
  }
  if (!require(op.b < operands && op.c < operands, "a function reads a later result")) return false;
  const uint32_t count = op.kind == kOpBinary    ? kBinaryCount
                         : op.kind == kOpTernary ? kTernaryCount
                                                 : 0;
  return require(op.code < count, "a function does not exist");
}

bool Validator::copy(const CopyCommand& command) {
  return readable(command.x) && writable(command.y) && same_shape(command.x, command.y);
}

bool Validator::widen(const WidenCommand& command) {
  if (!exists(command.x) || !writable(command.y) || !rank(command.y, 3)) return false;
  const uint32_t* y = dims(command.y);
  return flat(command.y, elements(command.y)) && packed(command.x, y[0], y[1], y[2]);
}

bool Validator::fill(const FillCommand& command) { return writable(command.y); }

bool Validator::pool(const PoolCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4)) {
    return false;
  }
  for (const uint32_t size : {command.kernel_y, command.kernel_x, command.stride_y,
                              command.stride_x, command.dilation_y, command.dilation_x}) {
    if (!require(size >= 1 && size <= kMaxWindow, "its window is empty or too large")) return false;
  }
  for (const uint32_t pad :
       {command.pad_top, command.pad_left, command.pad_bottom, command.pad_right}) {
    if (!require(pad <= kMaxWindow, "its padding is too large")) return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  return require(x[0] == y[0] && x[3] == y[3], "input and output differ in batch or channels") &&
         require(command.fn < kPoolCount, "its function does not exist");
}

bool Validator::reduce(const ReduceCommand& command) {
  if (!readable(command.x) || !writable(command.y)) return false;
  const ViewRecord& x = program_.views[command.x];
  const ViewRecord& y = program_.views[command.y];
  if (!require(x.rank >= y.rank, "the output has more dimensions than the input")) return false;
  for (uint32_t d = 0; d < y.rank; d++) {
    if (!require(dims(command.x)[d] == dims(command.y)[d], "a kept dimension changes its size")) {
      return false;
    }
  }
  return require(command.fn < kReduceCount, "its function does not exist");
}

bool Validator::arg_reduce(const ArgReduceCommand& command) {
  if (!readable(command.x) || !writable(command.y)) return false;
  const ViewRecord& x = program_.views[command.x];
  const ViewRecord& y = program_.views[command.y];
  if (!require(x.rank == y.rank + 1, "the input has not one dimension more than the output")) {
    return false;
  }
  for (uint32_t d = 0; d < y.rank; d++) {
    if (!require(dims(command.x)[d] == dims(command.y)[d], "a kept dimension changes its size")) {
      return false;
    }
  }
  return require(dims(command.x)[y.rank] <= kMaxIndex, "its indices are not exact in f32") &&
         require(command.fn < kExtremeCount, "its function does not exist");
}

bool Validator::cumulative(const CumulativeCommand& command) {
  return readable(command.x) && writable(command.y) && same_shape(command.x, command.y) &&
         require(command.fn < kCumulateCount, "its function does not exist");
}

bool Validator::normalize(const NormalizeCommand& command) {
  // What only makes moments writes scratch alone.
  const bool is_read =
      command.part == static_cast<uint32_t>(NormalizePart::kMoments) && command.y == command.x;
  if (!readable(command.x) || !(is_read || writable(command.y)) || !rank(command.x, 4) ||
      !same_shape(command.x, command.y)) {
    return false;
  }
  const uint64_t batch = dims(command.x)[0];
  const uint64_t height = dims(command.x)[1];
  const uint64_t channels = dims(command.x)[3];
  const uint64_t pixels = uint64_t{command.rows} * dims(command.x)[2];
  const bool is_whole = command.part == static_cast<uint32_t>(NormalizePart::kAll);
  return require(command.part < kNormalizePartCount, "its part does not exist") &&
         require(command.row + height <= command.rows && pixels <= kMaxNormalizePixels &&
                     (!is_whole || height == command.rows),
                 "its rows are not in the map") &&
         optional_flat(command.scale_view, channels) &&
         optional_flat(command.bias_view, channels) && writable(command.scratch_view) &&
         flat(command.scratch_view, (2 * kNormalizeChunks + 2) * batch * channels) &&
         epilogue(command.activation, command.residual_view, command.slope_view, command.y,
                  channels);
}

bool Validator::softmax(const SoftmaxCommand& command) {
  return readable(command.x) && writable(command.y) && same_shape(command.x, command.y);
}

bool Validator::resize(const ResizeCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 4) || !rank(command.y, 4)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  return require(x[0] == y[0] && x[3] == y[3], "input and output differ in batch or channels") &&
         resize_axis(command.taps_y, command.index_y_first, command.weights_y_view, x[1], y[1]) &&
         resize_axis(command.taps_x, command.index_x_first, command.weights_x_view, x[2], y[2]);
}

bool Validator::resize_axis(uint32_t taps, uint32_t index_first, uint32_t weights, uint32_t in,
                            uint32_t out) {
  if (taps == 0) return require(in == out, "an axis changes its size without indices");
  const uint64_t entries = uint64_t{out} * taps;
  return indices(index_first, entries, in) && readable(weights) && flat(weights, entries);
}

bool Validator::matmul(const MatmulCommand& command) {
  if (!readable(command.a) || !readable(command.b) || !writable(command.y) || !rank(command.a, 3) ||
      !rank(command.b, 3) || !rank(command.y, 3)) {
    return false;
  }
  const uint32_t* a = dims(command.a);
  const uint32_t* b = dims(command.b);
  const uint32_t* y = dims(command.y);
  return require(a[0] == y[0] && b[0] == y[0], "the batches differ") &&
         require(a[1] == y[1] && b[2] == y[2] && a[2] == b[1], "the matrices do not fit");
}

bool Validator::gather(const GatherCommand& command) {
  if (!readable(command.x) || !writable(command.y) || !rank(command.x, 3) || !rank(command.y, 3)) {
    return false;
  }
  const uint32_t* x = dims(command.x);
  const uint32_t* y = dims(command.y);
  return require(x[0] == y[0] && x[2] == y[2], "input and output do not fit") &&
         require(command.index_count == y[1], "it has another number of indices than outputs") &&
         indices(command.index_first, command.index_count, x[1]);
}

bool Validator::gather_indexed(const GatherIndexedCommand& command) {
  return readable(command.x) && writable(command.y) && readable(command.indices) &&
         indexed(command.x, command.y, command.indices);
}

/// Updates may meet in the output: they are applied one after the other.
bool Validator::scatter_indexed(const ScatterIndexedCommand& command) {
  return readable(command.x) && readable(command.y) && readable(command.indices) &&
         require(program_.views[command.y].slot != kSlotConstants, "it writes constants") &&
         require(command.fn < kScatterCount, "its function does not exist") &&
         indexed(command.y, command.x, command.indices);
}

bool Validator::indexed(uint32_t table, uint32_t loops, uint32_t indices) {
  const uint32_t shared = program_.views[loops].rank;
  const uint32_t table_rank = program_.views[table].rank;
  if (!require(table_rank > shared, "no axis of its table is indexed") ||
      !rank(indices, shared + 1)) {
    return false;
  }
  return require(std::equal(dims(loops), dims(loops) + shared, dims(table)) &&
                     std::equal(dims(loops), dims(loops) + shared, dims(indices)),
                 "table, indices and elements do not fit") &&
         require(dims(indices)[shared] == table_rank - shared,
                 "it has another number of indices than axes");
}

}  // namespace untangle
