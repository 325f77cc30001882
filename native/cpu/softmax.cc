// softmax, or its logarithm, over the last dim.

#include <cmath>
#include <limits>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {
namespace {

enum View : size_t { kY, kX };

constexpr size_t kRun = 4096;  // elements handled together; sums are made per run
static_assert(2 * kRun <= kWorkspaceFloats);

/// One row of x and y, `step` elements apart.
struct Row {
  const OpKernels& kernels;
  float* x;
  ptrdiff_t x_step;
  float* y;
  ptrdiff_t y_step;
  size_t count;
  float* x_buffer;
  float* y_buffer;

  /// Elements [start, start + length) of x, contiguous.
  const float* load(size_t start, size_t length) const {
    float* from = x + static_cast<ptrdiff_t>(start) * x_step;
    if (x_step == 1) return from;
    kernels.copy_block({from, 0, x_step}, {x_buffer, 0, 1}, 1, length);
    return x_buffer;
  }
  /// Where to write elements [start, ...) of y; store() brings them there.
  float* target(size_t start) const { return y_step == 1 ? y + start : y_buffer; }
  void store(size_t start, size_t length) const {
    if (y_step == 1) return;
    kernels.copy_block({y_buffer, 0, 1}, {y + static_cast<ptrdiff_t>(start) * y_step, 0, y_step}, 1,
                       length);
  }
};

template <typename Body>
void for_runs(size_t count, Body&& body) {
  for (size_t start = 0; start < count; start += kRun) body(start, std::min(kRun, count - start));
}

void softmax_row(const Row& row, bool log) {
  const OpKernels& kernels = row.kernels;
  float largest = -std::numeric_limits<float>::infinity();
  for_runs(row.count, [&](size_t start, size_t length) {
    const float part = kernels.reduce_row(Reduce::kMax, row.load(start, length), length);
    kernels.reduce_rows(Reduce::kMax, &part, 0, 1, &largest, 1);
  });

  // The exponentials are kept in y, unless their logarithm is wanted: then x is read again.
  double sum = 0;
  for_runs(row.count, [&](size_t start, size_t length) {
    float* target = log ? nullptr : row.target(start);
    sum += kernels.exp_sum(row.load(start, length), largest, target, length);
    if (!log) row.store(start, length);
  });

  const float divisor = static_cast<float>(sum);
  const float shift = static_cast<float>(std::log(sum));
  for_runs(row.count, [&](size_t start, size_t length) {
    float* target = row.target(start);
    if (log) {
      kernels.binary(Binary::kSub, row.load(start, length), 1, &largest, 0, target, length);
      kernels.binary(Binary::kSub, target, 1, &shift, 0, target, length);
    } else {
      if (row.y_step != 1) {
        float* from = row.y + static_cast<ptrdiff_t>(start) * row.y_step;
        kernels.copy_block({from, 0, row.y_step}, {target, 0, 1}, 1, length);
      }
      kernels.divide(divisor, target, length);
    }
    row.store(start, length);
  });
}

// Rows of at most so many elements are worked on side by side, so many rows at a time.
constexpr size_t kShort = 32;
constexpr size_t kShortRows = 64;
static_assert((kShort + 3) * kShortRows <= kWorkspaceFloats);

/// `rows` rows that lie `x_row` and `y_row` apart; `buffer` takes their columns.
struct ShortRows {
  const OpKernels& kernels;
  float* x;
  ptrdiff_t x_row;
  ptrdiff_t x_step;
  float* y;
  ptrdiff_t y_row;
  ptrdiff_t y_step;
  size_t rows;
  size_t count;
  float* buffer;
};

/// Each column is a vector of one element of every row.
void softmax_short(const ShortRows& s, bool log) {
  const OpKernels& kernels = s.kernels;
  const auto pitch = static_cast<ptrdiff_t>(s.rows);
  float* columns = s.buffer;
  float* largest = columns + s.count * s.rows;
  float* sum = largest + s.rows;
  float* term = sum + s.rows;
  kernels.copy_block({s.x, s.x_row, s.x_step}, {columns, 1, pitch}, s.rows, s.count);
  const auto combine = [&](Binary fn, const float* a, const float* b, float* to) {
    kernels.binary(fn, a, 1, b, 1, to, s.rows);
  };
  const auto column = [&](size_t c) { return columns + c * s.rows; };
  kernels.copy_block({columns, 0, 1}, {largest, 0, 1}, 1, s.rows);
  for (size_t c = 1; c < s.count; c++) combine(Binary::kMax, largest, column(c), largest);
  for (size_t c = 0; c < s.count; c++) {
    combine(Binary::kSub, column(c), largest, column(c));
    // The logarithm needs the difference later, everything else its exponential.
    float* power = log ? term : column(c);
    kernels.unary(Unary::kExp, 0, 0, column(c), power, s.rows);
    if (c == 0) {
      kernels.copy_block({power, 0, 1}, {sum, 0, 1}, 1, s.rows);
    } else {
      combine(Binary::kAdd, sum, power, sum);
    }
  }
  if (log) kernels.unary(Unary::kLog, 0, 0, sum, sum, s.rows);
  for (size_t c = 0; c < s.count; c++)
    combine(log ? Binary::kSub : Binary::kDiv, column(c), sum, column(c));
  kernels.copy_block({columns, 1, pitch}, {s.y, s.y_row, s.y_step}, s.rows, s.count);
}

/// Blocks of rows of the outer dims' innermost one.
void run_short(const Execution& run, std::span<const ResolvedView> views, const LoopNest& outer,
               size_t count, bool log) {
  const uint32_t last = views[kY].rank - 1;
  const size_t inner = outer.dims[outer.rank - 1];
  const size_t cuts = (inner + kShortRows - 1) / kShortRows;
  const size_t blocks = outer.count(outer.rank - 1) * cuts;
  for_ranges(run, blocks, kShortRows * count, [&](size_t begin, size_t end, size_t thread) {
    for (size_t block = begin; block < end; block++) {
      const Odometer at(outer, 2, outer.rank - 1, block / cuts);
      const size_t first = block % cuts * kShortRows;
      const auto row = [&](View view) { return outer.strides[view][outer.rank - 1]; };
      const auto place = [&](View view) {
        return views[view].data + at.offsets[view] + static_cast<ptrdiff_t>(first) * row(view);
      };
      softmax_short({.kernels = run.kernels.ops,
                     .x = place(kX),
                     .x_row = row(kX),
                     .x_step = views[kX].strides[last],
                     .y = place(kY),
                     .y_row = row(kY),
                     .y_step = views[kY].strides[last],
                     .rows = std::min(kShortRows, inner - first),
                     .count = count,
                     .buffer = workspace(run, thread)},
                    log);
    }
  });
}

}  // namespace

void run_softmax(const SoftmaxCommand& command, const Execution& run) {
  const ResolvedView views[] = {resolve(run, command.y), resolve(run, command.x)};
  const uint32_t last = views[kY].rank - 1;
  const size_t count = views[kY].dims[last];
  const LoopNest outer = collapse(views, 0, last);

  if (count <= kShort) return run_short(run, {views, 2}, outer, count, command.log != 0);
  for_ranges(run, outer.count(outer.rank), count, [&](size_t begin, size_t end, size_t thread) {
    Odometer at(outer, 2, outer.rank, begin);
    for (size_t i = begin; i < end; i++, at.next()) {
      softmax_row({run.kernels.ops, views[kX].data + at.offsets[kX], views[kX].strides[last],
                   views[kY].data + at.offsets[kY], views[kY].strides[last], count,
                   workspace(run, thread), workspace(run, thread) + kRun},
                  command.log != 0);
    }
  });
}

}  // namespace untangle
