// reduce: sums, means, products, maxima and minima over the last dims of x.
//
// Two ways, so that the innermost loop is contiguous: along the reduced dims of one output, or
// across a row of outputs that all take the next element. Long sums are summed in parts.

#include <limits>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {
namespace {

enum View : size_t { kY, kX };

constexpr size_t kColumns = 512;      // outputs side by side
constexpr size_t kStagedRows = 16;    // rows copied together when they are not contiguous
constexpr size_t kPartialRows = 128;  // rows of one partial sum
constexpr size_t kRun = 4096;         // elements of one partial sum along the reduced dims
static_assert((2 + kStagedRows) * kColumns <= kWorkspaceFloats && kRun <= kWorkspaceFloats);

struct Reduction {
  const Execution& run;
  Reduce fn;
  ResolvedView x, y;
  LoopNest kept;     // y and x over the kept dims
  LoopNest reduced;  // x over the reduced dims
  size_t reduced_count;

  bool sums() const { return merge() == Reduce::kSum; }
  /// What combines partial results: terms are squared once.
  Reduce merge() const {
    const bool kept = fn == Reduce::kMax || fn == Reduce::kMin || fn == Reduce::kProd;
    return kept ? fn : Reduce::kSum;
  }
  float identity() const {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    switch (merge()) {
      case Reduce::kMax:
        return -kInfinity;
      case Reduce::kMin:
        return kInfinity;
      case Reduce::kProd:
        return 1.0f;
      default:
        return 0.0f;
    }
  }
};

/// One output: runs along the innermost reduced dim.
float reduce_along(const Reduction& reduction, const float* x, float* buffer) {
  const OpKernels& kernels = reduction.run.kernels.ops;
  const LoopNest& nest = reduction.reduced;
  const size_t last = nest.rank - 1;
  const ptrdiff_t stride = nest.strides[0][last];
  Odometer at(nest, 1, last, 0);
  double sum = 0;
  float best = reduction.identity();
  for (size_t outer = nest.count(last); outer > 0; outer--, at.next()) {
    for (size_t start = 0; start < nest.dims[last]; start += kRun) {
      const size_t count = std::min(kRun, nest.dims[last] - start);
      float* from = const_cast<float*>(x) + at.offsets[0] + stride * static_cast<ptrdiff_t>(start);
      if (stride != 1 && count > 1) {
        kernels.copy_block({from, 0, stride}, {buffer, 0, 1}, 1, count);
        from = buffer;
      }
      const float part = kernels.reduce_row(reduction.fn, from, count);
      if (reduction.sums()) {
        sum += part;
      } else {
        kernels.reduce_rows(reduction.merge(), &part, 0, 1, &best, 1);
      }
    }
  }
  if (!reduction.sums()) return best;
  if (reduction.fn == Reduce::kMean) sum /= static_cast<double>(reduction.reduced_count);
  return static_cast<float>(sum);
}

/// `columns` <= kColumns outputs side by side, x_step apart in x; writes them to `total`.
void reduce_across(const Reduction& reduction, const float* x, ptrdiff_t x_step, size_t columns,
                   float* buffers) {
  const OpKernels& kernels = reduction.run.kernels.ops;
  const LoopNest& nest = reduction.reduced;
  const size_t last = nest.rank - 1;
  const ptrdiff_t stride = nest.strides[0][last];
  float* total = buffers;
  float* part = buffers + kColumns;
  float* staged = buffers + 2 * kColumns;
  const size_t step = x_step == 1 ? kPartialRows : kStagedRows;

  kernels.fill(reduction.identity(), total, 1, columns);
  kernels.fill(reduction.identity(), part, 1, columns);
  size_t rows_in_part = 0;
  Odometer at(nest, 1, last, 0);
  for (size_t outer = nest.count(last); outer > 0; outer--, at.next()) {
    for (size_t row = 0; row < nest.dims[last]; row += step) {
      const size_t rows = std::min(step, nest.dims[last] - row);
      float* from = const_cast<float*>(x) + at.offsets[0] + stride * static_cast<ptrdiff_t>(row);
      if (x_step == 1) {
        kernels.reduce_rows(reduction.fn, from, stride, rows, part, columns);
      } else {
        kernels.copy_block({from, stride, x_step}, {staged, kColumns, 1}, rows, columns);
        kernels.reduce_rows(reduction.fn, staged, kColumns, rows, part, columns);
      }
      rows_in_part += rows;
      if (rows_in_part >= kPartialRows) {
        kernels.reduce_rows(reduction.merge(), part, 0, 1, total, columns);
        kernels.fill(reduction.identity(), part, 1, columns);
        rows_in_part = 0;
      }
    }
  }
  kernels.reduce_rows(reduction.merge(), part, 0, 1, total, columns);
  if (reduction.fn == Reduce::kMean) {
    kernels.divide(static_cast<float>(reduction.reduced_count), total, columns);
  }
}

void run_along(const Reduction& reduction) {
  const LoopNest& kept = reduction.kept;
  for_ranges(reduction.run, kept.count(kept.rank), reduction.reduced_count,
             [&](size_t begin, size_t end, size_t thread) {
               Odometer at(kept, 2, kept.rank, begin);
               for (size_t i = begin; i < end; i++, at.next()) {
                 reduction.y.data[at.offsets[kY]] =
                     reduce_along(reduction, reduction.x.data + at.offsets[kX],
                                  workspace(reduction.run, thread));
               }
             });
}

void run_across(const Reduction& reduction) {
  const LoopNest& kept = reduction.kept;
  const size_t last = kept.rank - 1;
  // Few columns to an item when there are few outputs and each is long: then threads share them.
  const size_t columns = reduction.reduced_count >= 1024 ? 64 : kColumns;
  const size_t pieces = (kept.dims[last] + columns - 1) / columns;
  const ptrdiff_t x_step = kept.strides[kX][last];
  const ptrdiff_t y_step = kept.strides[kY][last];
  for_ranges(reduction.run, kept.count(last) * pieces,
             std::min(columns, kept.dims[last]) * reduction.reduced_count,
             [&](size_t begin, size_t end, size_t thread) {
               for (size_t item = begin; item < end; item++) {
                 const Odometer at(kept, 2, last, item / pieces);
                 const ptrdiff_t start = static_cast<ptrdiff_t>(item % pieces * columns);
                 const size_t count = std::min(columns, kept.dims[last] - size_t(start));
                 float* total = workspace(reduction.run, thread);
                 reduce_across(reduction, reduction.x.data + at.offsets[kX] + start * x_step,
                               x_step, count, total);
                 reduction.run.kernels.ops.copy_block(
                     {total, 0, 1}, {reduction.y.data + at.offsets[kY] + start * y_step, 0, y_step},
                     1, count);
               }
             });
}

}  // namespace

void run_reduce(const ReduceCommand& command, const Execution& run) {
  const ResolvedView x = resolve(run, command.x);
  const ResolvedView y = resolve(run, command.y);
  const ResolvedView both[] = {y, x};
  Reduction reduction{
      run, static_cast<Reduce>(command.fn), x, y, collapse(both), collapse({&x, 1}, y.rank, x.rank),
      0};
  reduction.reduced_count = reduction.reduced.count(reduction.reduced.rank);
  const bool along = reduction.reduced.strides[0][reduction.reduced.rank - 1] == 1 ||
                     reduction.kept.dims[reduction.kept.rank - 1] == 1;
  if (along) {
    run_along(reduction);
  } else {
    run_across(reduction);
  }
}

}  // namespace untangle
