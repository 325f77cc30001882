// argReduce and cumulative: one axis, the last dim of the views, from its start to its end.

#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {
namespace {

enum View : size_t { kY, kX };

/// The index of the largest element, or of the smallest when `sign` is -1. Comparisons with what is
/// not a number are false.
template <bool last>
size_t best_index(const float* x, ptrdiff_t step, size_t count, float sign) {
  size_t best = 0;
  float best_value = sign * x[0];
  for (size_t i = 1; i < count; i++) {
    const float value = sign * x[static_cast<ptrdiff_t>(i) * step];
    if (last ? value >= best_value : value > best_value) {
      best = i;
      best_value = value;
    }
  }
  return best;
}

/// y may be x: every element is read before it is written. Sums are carried in double.
template <typename Combine>
void accumulate(const float* x, ptrdiff_t x_step, float* y, ptrdiff_t y_step, size_t count,
                bool exclusive, double total, Combine combine) {
  for (size_t i = 0; i < count; i++) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(i);
    const double next = combine(total, double{x[at * x_step]});
    y[at * y_step] = static_cast<float>(exclusive ? total : next);
    total = next;
  }
}

}  // namespace

void run_arg_reduce(const ArgReduceCommand& command, const Execution& run) {
  const ResolvedView x = resolve(run, command.x);
  const ResolvedView y = resolve(run, command.y);
  const ResolvedView both[] = {y, x};
  const LoopNest kept = collapse(both, 0, y.rank);
  const size_t count = x.dims[y.rank];
  const ptrdiff_t step = x.strides[y.rank];
  const float sign = command.fn == static_cast<uint32_t>(Extreme::kMax) ? 1.0f : -1.0f;

  for_ranges(run, kept.count(kept.rank), count, [&](size_t begin, size_t end, size_t) {
    Odometer at(kept, 2, kept.rank, begin);
    for (size_t i = begin; i < end; i++, at.next()) {
      const float* row = x.data + at.offsets[kX];
      const size_t index = command.last != 0 ? best_index<true>(row, step, count, sign)
                                             : best_index<false>(row, step, count, sign);
      y.data[at.offsets[kY]] = static_cast<float>(index);
    }
  });
}

void run_cumulative(const CumulativeCommand& command, const Execution& run) {
  const ResolvedView views[] = {resolve(run, command.y), resolve(run, command.x)};
  const uint32_t last = views[kY].rank - 1;
  const size_t count = views[kY].dims[last];
  const LoopNest outer = collapse(views, 0, last);
  const bool sums = command.fn == static_cast<uint32_t>(Cumulate::kSum);

  for_ranges(run, outer.count(outer.rank), count, [&](size_t begin, size_t end, size_t) {
    Odometer at(outer, 2, outer.rank, begin);
    for (size_t i = begin; i < end; i++, at.next()) {
      const auto row = [&](double start, auto combine) {
        accumulate(views[kX].data + at.offsets[kX], views[kX].strides[last],
                   views[kY].data + at.offsets[kY], views[kY].strides[last], count,
                   command.exclusive != 0, start, combine);
      };
      if (sums) {
        row(0, [](double a, double b) { return a + b; });
      } else {
        row(1, [](double a, double b) { return a * b; });
      }
    }
  });
}

}  // namespace untangle
