// gatherIndexed and scatterIndexed: elements of a table found by tuples of indices computed at run
// time.
//
// An index is checked where it is used, and only its checked copy is used: whatever the memory
// holds, no address outside the table's view is made.

#include <atomic>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/parallel.h"
#include "native/program/collapse.h"

namespace untangle {
namespace {

enum View : size_t { kLoops, kTable, kIndices, kViews };

constexpr uint64_t kNowhere = UINT64_MAX;

/// The axes of a table that a tuple of indices names.
struct Axes {
  const uint32_t* dims;
  const int32_t* strides;
  size_t count;
  ptrdiff_t index_stride;  // from one entry of a tuple to the next

  Axes(const ResolvedView& table, const ResolvedView& indices, uint32_t loops)
      : dims(table.dims + loops),
        strides(table.strides + loops),
        count(table.rank - loops),
        index_stride(indices.strides[loops]) {}

  /// The entry as an index counted from the front; false unless it is whole and inside its axis.
  bool read(const float* tuple, size_t axis, int64_t& index) const {
    const float value = tuple[static_cast<ptrdiff_t>(axis) * index_stride];
    const int64_t size = dims[axis];
    const float limit = static_cast<float>(size);
    if (!(value >= -limit && value <= limit)) return false;  // NaN as well
    index = static_cast<int64_t>(value);
    if (static_cast<float>(index) != value) return false;
    if (index < 0) index += size;
    return index >= 0 && index < size;
  }

  /// Where the tuple leads, from the first element of the axes.
  bool offset(const float* tuple, ptrdiff_t& offset) const {
    offset = 0;
    for (size_t axis = 0; axis < count; axis++) {
      int64_t index = 0;
      if (!read(tuple, axis, index)) return false;
      offset += static_cast<ptrdiff_t>(index) * strides[axis];
    }
    return true;
  }
};

/// Tells the run about the first entry of `tuple` that is outside its axis.
void report(const Execution& run, const Axes& axes, const float* tuple) {
  size_t axis = 0;
  int64_t index = 0;
  while (axis + 1 < axes.count && axes.read(tuple, axis, index)) axis++;
  run.fault.found = true;
  run.fault.value = tuple[static_cast<ptrdiff_t>(axis) * axes.index_stride];
  run.fault.size = axes.dims[axis];
}

void keep_smallest(std::atomic<uint64_t>& smallest, uint64_t value) {
  uint64_t known = smallest.load(std::memory_order_relaxed);
  while (value < known &&
         !smallest.compare_exchange_weak(known, value, std::memory_order_relaxed)) {
  }
}

/// The dims of `loops`, in their order, with the strides of all three views.
LoopNest row_major(const ResolvedView& loops, const ResolvedView& table,
                   const ResolvedView& indices) {
  LoopNest nest{};
  nest.rank = loops.rank;
  for (uint32_t d = 0; d < loops.rank; d++) {
    nest.dims[d] = loops.dims[d];
    nest.strides[kLoops][d] = loops.strides[d];
    nest.strides[kTable][d] = table.strides[d];
    nest.strides[kIndices][d] = indices.strides[d];
  }
  return nest;
}

float joined(Scatter fn, float old, float update) {
  switch (fn) {
    case Scatter::kSet:
      return update;
    case Scatter::kAdd:
      return old + update;
    case Scatter::kMul:
      return old * update;
    case Scatter::kMin:
      return update < old || update != update ? update : old;
    case Scatter::kMax:
      return update > old || update != update ? update : old;
  }
  return update;
}

/// Elements of one row of the loops, all found by their own tuple.
struct Row {
  float* loops;
  float* table;
  const float* tuple;
  ptrdiff_t loops_step;
  ptrdiff_t table_step;
  ptrdiff_t tuple_step;
  size_t count;
};

/// Returns the first element whose tuple leads outside, or count.
size_t gather_row(const Row& row, const Axes& axes, const OpKernels& ops) {
  ptrdiff_t offset = 0;
  if (row.tuple_step == 0) {  // one tuple for all: a run of the table
    if (!axes.offset(row.tuple, offset)) return 0;
    ops.copy_block({row.table + offset, 0, row.table_step}, {row.loops, 0, row.loops_step}, 1,
                   row.count);
    return row.count;
  }
  for (size_t i = 0; i < row.count; i++) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(i);
    if (!axes.offset(row.tuple + at * row.tuple_step, offset)) return i;
    row.loops[at * row.loops_step] = row.table[at * row.table_step + offset];
  }
  return row.count;
}

size_t scatter_row(const Row& row, const Axes& axes, Scatter fn) {
  for (size_t i = 0; i < row.count; i++) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(i);
    ptrdiff_t offset = 0;
    if (!axes.offset(row.tuple + at * row.tuple_step, offset)) return i;
    float& element = row.table[at * row.table_step + offset];
    element = joined(fn, element, row.loops[at * row.loops_step]);
  }
  return row.count;
}

}  // namespace

void run_gather_indexed(const GatherIndexedCommand& command, const Execution& run) {
  const ResolvedView views[kViews] = {resolve(run, command.y), resolve(run, command.x),
                                      resolve(run, command.indices)};
  const Axes axes(views[kTable], views[kIndices], views[kLoops].rank);
  const LoopNest nest = collapse(views, 0, views[kLoops].rank);
  const size_t last = nest.rank - 1;
  const size_t columns = nest.dims[last];
  const size_t piece = std::min(columns, kItemElements);
  const size_t pieces = (columns + piece - 1) / piece;
  const auto row_at = [&](size_t item) {
    const Odometer at(nest, kViews, last, item / pieces);
    const size_t start = item % pieces * piece;
    const auto data = [&](View v) {
      return views[v].data + at.offsets[v] + nest.strides[v][last] * static_cast<ptrdiff_t>(start);
    };
    return Row{data(kLoops),
               data(kTable),
               data(kIndices),
               nest.strides[kLoops][last],
               nest.strides[kTable][last],
               nest.strides[kIndices][last],
               std::min(piece, columns - start)};
  };

  std::atomic<uint64_t> outside{kNowhere};  // first element that no index may lead to
  for_ranges(run, nest.count(last) * pieces, piece, [&](size_t begin, size_t end, size_t) {
    for (size_t item = begin; item < end; item++) {
      const Row row = row_at(item);
      const size_t done = gather_row(row, axes, run.kernels.ops);
      if (done < row.count) keep_smallest(outside, uint64_t{item} * piece + done);
    }
  });
  const uint64_t first = outside.load(std::memory_order_relaxed);
  if (first == kNowhere) return;
  const Row row = row_at(first / piece);
  report(run, axes, row.tuple + static_cast<ptrdiff_t>(first % piece) * row.tuple_step);
}

/// On one thread, in the order of the updates: those that meet have one result.
void run_scatter_indexed(const ScatterIndexedCommand& command, const Execution& run) {
  const ResolvedView updates = resolve(run, command.x);
  const ResolvedView table = resolve(run, command.y);
  const ResolvedView indices = resolve(run, command.indices);
  const Axes axes(table, indices, updates.rank);
  const LoopNest nest = row_major(updates, table, indices);
  const size_t last = nest.rank - 1;
  const size_t rows = nest.count(last);
  Odometer at(nest, kViews, last, 0);
  for (size_t row_index = 0; row_index < rows; row_index++, at.next()) {
    if (run.aborted.load(std::memory_order_relaxed)) return;
    const Row row{updates.data + at.offsets[kLoops],
                  table.data + at.offsets[kTable],
                  indices.data + at.offsets[kIndices],
                  nest.strides[kLoops][last],
                  nest.strides[kTable][last],
                  nest.strides[kIndices][last],
                  nest.dims[last]};
    const size_t done = scatter_row(row, axes, static_cast<Scatter>(command.fn));
    if (done == row.count) continue;
    return report(run, axes, row.tuple + static_cast<ptrdiff_t>(done) * row.tuple_step);
  }
}

}  // namespace untangle
