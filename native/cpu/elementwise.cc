// elementwise: a chain of scalar functions, fused over blocks that stay in the first-level cache.
//
// A block is a few rows of the innermost dim. An input that is contiguous over the block, or one
// value, is used where it lies; any other is first copied to the workspace. Results between two
// functions never leave the workspace.

#include <bit>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {
namespace {

// 2 KiB per operand: a chain of three functions over two inputs still fits the 32 KiB of L1.
constexpr size_t kBlock = 512;

constexpr size_t kMaxInputs = 6;
constexpr size_t kMaxOps = 32;
static_assert((kMaxInputs + kMaxOps) * kBlock <= kWorkspaceFloats);

struct Operand {
  const float* data;
  size_t step;  // 0 or 1
};

/// The loop nest with y as view 0, cut into blocks of rows x columns elements.
struct Chain {
  const Execution& run;
  std::span<const ResolvedView> views;  // y, then the inputs
  std::span<const OpRecord> ops;
  LoopNest nest;
  size_t columns;      // of a block
  size_t column_cuts;  // blocks per row
  size_t rows;         // of a block
  size_t row_cuts;     // blocks per column
  size_t outer_dims;   // dims outside the block

  size_t row_dim() const { return outer_dims; }
  size_t column_dim() const { return nest.rank - 1; }
  size_t row_count() const { return nest.rank > 1 ? nest.dims[row_dim()] : 1; }
};

Chain make_chain(const Execution& run, std::span<const ResolvedView> views,
                 std::span<const OpRecord> ops) {
  Chain chain{run, views, ops, collapse(views), 0, 0, 0, 0, 0};
  chain.outer_dims = chain.nest.rank > 1 ? chain.nest.rank - 2 : 0;
  const size_t columns = chain.nest.dims[chain.column_dim()];
  chain.columns = std::min(columns, kBlock);
  chain.column_cuts = (columns + kBlock - 1) / kBlock;
  chain.rows = std::min(chain.row_count(), kBlock / chain.columns);
  chain.row_cuts = (chain.row_count() + chain.rows - 1) / chain.rows;
  return chain;
}

/// One block of one view.
struct BlockView {
  Block block;
  size_t rows;
  size_t columns;

  bool is_scalar() const {
    return (rows == 1 || block.row_stride == 0) && (columns == 1 || block.column_stride == 0);
  }
  bool is_contiguous() const {
    return (columns == 1 || block.column_stride == 1) &&
           (rows == 1 || block.row_stride == static_cast<ptrdiff_t>(columns));
  }
};

/// What an input's buffer holds: rows that are all the same, as broadcast inputs have them.
struct Repeated {
  const float* data = nullptr;
  size_t rows = 0;
  size_t columns = 0;

  bool holds(const BlockView& view) const {
    return view.block.data == data && view.columns == columns && view.rows <= rows;
  }
};

Operand load(const Chain& chain, const BlockView& view, float* buffer, Repeated& repeated) {
  if (view.is_scalar()) return {view.block.data, 0};
  if (view.is_contiguous()) return {view.block.data, 1};
  if (repeated.holds(view)) return {buffer, 1};
  repeated = {view.block.row_stride == 0 ? view.block.data : nullptr, view.rows, view.columns};
  chain.run.kernels.ops.copy_block(view.block, {buffer, static_cast<ptrdiff_t>(view.columns), 1},
                                   view.rows, view.columns);
  return {buffer, 1};
}

void apply(const Chain& chain, const OpRecord& op, const Operand* operands, float* target,
           size_t count) {
  const OpKernels& kernels = chain.run.kernels.ops;
  const Operand& a = operands[op.a];
  if (op.kind == kOpBinary) {
    const Operand& b = operands[op.b];
    kernels.binary(static_cast<Binary>(op.code), a.data, a.step, b.data, b.step, target, count);
    return;
  }
  if (op.kind == kOpTernary) {
    const Operand& b = operands[op.b];
    const Operand& c = operands[op.c];
    kernels.select(a.data, a.step, b.data, b.step, c.data, c.step, target, count);
    return;
  }
  if (a.step == 0) {
    kernels.fill(*a.data, target, 1, count);
    return kernels.unary(static_cast<Unary>(op.code), std::bit_cast<float>(op.alpha_bits),
                         std::bit_cast<float>(op.beta_bits), target, target, count);
  }
  kernels.unary(static_cast<Unary>(op.code), std::bit_cast<float>(op.alpha_bits),
                std::bit_cast<float>(op.beta_bits), a.data, target, count);
}

/// Runs the whole chain over one block; `blocks[0]` is y's.
void run_block(const Chain& chain, const BlockView* blocks, float* buffers, Repeated* repeated) {
  Operand operands[kMaxInputs + kMaxOps];
  const size_t inputs = chain.views.size() - 1;
  for (size_t i = 0; i < inputs; i++) {
    operands[i] = load(chain, blocks[i + 1], buffers + i * kBlock, repeated[i]);
  }
  const BlockView& y = blocks[0];
  const size_t count = y.rows * y.columns;
  const bool direct = y.is_contiguous();
  for (size_t i = 0; i < chain.ops.size(); i++) {
    const bool is_last = i + 1 == chain.ops.size();
    float* target = is_last && direct ? y.block.data : buffers + (inputs + i) * kBlock;
    apply(chain, chain.ops[i], operands, target, count);
    operands[inputs + i] = {target, 1};
  }
  if (!direct) {
    float* result = buffers + (inputs + chain.ops.size() - 1) * kBlock;
    chain.run.kernels.ops.copy_block({result, static_cast<ptrdiff_t>(y.columns), 1}, y.block,
                                     y.rows, y.columns);
  }
}

void run_item(const Chain& chain, size_t item, float* buffers, Repeated* repeated) {
  const size_t cuts = chain.row_cuts * chain.column_cuts;
  const Odometer at(chain.nest, chain.views.size(), chain.outer_dims, item / cuts);
  const size_t row = item % cuts / chain.column_cuts * chain.rows;
  const size_t column = item % chain.column_cuts * chain.columns;

  BlockView blocks[LoopNest::kMaxViews];
  for (size_t v = 0; v < chain.views.size(); v++) {
    const auto& strides = chain.nest.strides[v];
    const ptrdiff_t row_stride = chain.nest.rank > 1 ? strides[chain.row_dim()] : 0;
    const ptrdiff_t column_stride = strides[chain.column_dim()];
    blocks[v] = {{chain.views[v].data + at.offsets[v] + static_cast<ptrdiff_t>(row) * row_stride +
                      static_cast<ptrdiff_t>(column) * column_stride,
                  row_stride, column_stride},
                 std::min(chain.rows, chain.row_count() - row),
                 std::min(chain.columns, chain.nest.dims[chain.column_dim()] - column)};
  }
  run_block(chain, blocks, buffers, repeated);
}

}  // namespace

void run_elementwise(const ElementwiseCommand& command, const Execution& run) {
  ResolvedView views[1 + kMaxInputs];
  views[0] = resolve(run, command.y);
  for (uint32_t i = 0; i < command.input_count; i++) {
    views[1 + i] = resolve(run, (&command.in0)[i]);
  }
  const Chain chain = make_chain(run, {views, 1 + command.input_count},
                                 run.program.ops.subspan(command.op_first, command.op_count));
  const size_t blocks = chain.nest.count(chain.outer_dims) * chain.row_cuts * chain.column_cuts;
  for_ranges(run, blocks, chain.rows * chain.columns, [&](size_t begin, size_t end, size_t thread) {
    Repeated repeated[kMaxInputs];
    for (size_t item = begin; item < end; item++)
      run_item(chain, item, workspace(run, thread), repeated);
  });
}

}  // namespace untangle
