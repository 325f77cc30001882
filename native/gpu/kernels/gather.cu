// gather, gatherIndexed and scatterIndexed: elements found by indices.
//
// An index computed by the run is checked where it is used, and only its checked copy is used:
// whatever the memory holds, no address outside the table's view is made.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

extern "C" __global__ void __launch_bounds__(256) untangle_gather(const GatherParams p) {
  const uint32_t count = p.dims[0] * p.dims[1] * p.dims[2];
  for (uint32_t index = thread_index(); index < count; index += thread_count()) {
    const auto k = static_cast<int32_t>(index % p.dims[2]);
    const auto j = static_cast<int32_t>(index / p.dims[2] % p.dims[1]);
    const auto i = static_cast<int32_t>(index / p.dims[2] / p.dims[1]);
    store(p.y, i * p.y_strides[0] + j * p.y_strides[1] + k * p.y_strides[2],
          load(p.x, i * p.x_strides[0] + p.indices[j] * p.x_strides[1] + k * p.x_strides[2]));
  }
}

/// Where a tuple leads, from the first element of the axes; false when an entry is not a whole
/// number inside its axis.
UNTANGLE_DEVICE bool tuple_offset(const IndexedParams& p, int32_t tuple, int32_t& offset) {
  offset = 0;
  for (uint32_t axis = 0; axis < p.axes; axis++) {
    const float value = load(p.loops.values[2], tuple + static_cast<int32_t>(axis) * p.index_step);
    const auto size = static_cast<int32_t>(p.axis_dims[axis]);
    const auto limit = static_cast<float>(size);
    if (!(value >= -limit && value <= limit)) return false;  // NaN as well
    auto index = static_cast<int32_t>(value);
    if (static_cast<float>(index) != value) return false;
    if (index < 0) index += size;
    if (index < 0 || index >= size) return false;
    offset += index * p.axis_strides[axis];
  }
  return true;
}

UNTANGLE_DEVICE void report(const IndexedParams& p, uint32_t element) {
  const uint64_t place = static_cast<uint64_t>(p.command) << 32 | element;
  atomicMin(reinterpret_cast<unsigned long long*>(&p.fault->first),
            static_cast<unsigned long long>(place));
}

extern "C" __global__ void __launch_bounds__(256) untangle_gather_indexed(const IndexedParams p) {
  for (uint32_t i = thread_index(); i < p.loops.count; i += thread_count()) {
    int32_t offsets[3];
    locate(p.loops, i, offsets);
    int32_t offset = 0;
    if (!tuple_offset(p, offsets[2], offset)) {
      report(p, i);
      continue;
    }
    store(p.loops.values[0], offsets[0], load(p.loops.values[1], offsets[1] + offset));
  }
}

/// After either, one thread: what the first tuple that leads outside holds, while it is still
/// there.
extern "C" __global__ void __launch_bounds__(256) untangle_indexed_fault(const IndexedParams p) {
  if (thread_index() != 0 || p.fault->first >> 32 != p.command) return;
  int32_t offsets[3];
  locate(p.loops, static_cast<uint32_t>(p.fault->first), offsets);
  IndexedParams one = p;
  one.axes = 1;
  for (uint32_t axis = 0; axis < p.axes; axis++) {
    int32_t offset = 0;
    one.axis_dims[0] = p.axis_dims[axis];
    const int32_t entry = offsets[2] + static_cast<int32_t>(axis) * p.index_step;
    if (tuple_offset(one, entry, offset)) continue;
    p.fault->value = load(p.loops.values[2], entry);
    p.fault->size = p.axis_dims[axis];
    return;
  }
}

UNTANGLE_DEVICE float joined(Scatter fn, float old, float update) {
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

/// Every thread walks all updates in order and makes those of the places that are its own: updates
/// that meet have one result, whatever the threads.
extern "C" __global__ void __launch_bounds__(256) untangle_scatter_indexed(const IndexedParams p) {
  const uint32_t owner = thread_index();
  for (uint32_t i = 0; i < p.loops.count; i++) {
    int32_t offsets[3];
    locate(p.loops, i, offsets);
    int32_t offset = 0;
    if (!tuple_offset(p, offsets[2], offset)) {
      if (owner == 0) report(p, i);
      return;
    }
    const int32_t place = offsets[1] + offset;
    if (static_cast<uint32_t>(place) % thread_count() != owner) continue;
    store(p.loops.values[1], place,
          joined(static_cast<Scatter>(p.fn), load(p.loops.values[1], place),
                 load(p.loops.values[0], offsets[0])));
  }
}

}  // namespace gpu
}  // namespace untangle
