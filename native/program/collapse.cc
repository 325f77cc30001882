#include "native/program/collapse.h"

#include <cstdlib>

namespace untangle {
namespace {

/// True when dim `inner` continues dim `outer` in every view.
bool continues(const LoopNest& nest, size_t views, size_t outer, size_t inner) {
  for (size_t v = 0; v < views; v++) {
    if (nest.strides[v][outer] !=
        nest.strides[v][inner] * static_cast<ptrdiff_t>(nest.dims[inner])) {
      return false;
    }
  }
  return true;
}

}  // namespace

LoopNest collapse(std::span<const ResolvedView> views) { return collapse(views, 0, views[0].rank); }

LoopNest collapse(std::span<const ResolvedView> views, size_t first, size_t end) {
  // Insertion sort, largest stride first: equal ones keep their order, and nothing is allocated.
  const auto reach = [&views](size_t d) { return std::abs(int64_t{views[0].strides[d]}); };
  std::array<size_t, kMaxRank> order{};
  size_t used = 0;
  for (size_t d = first; d < end; d++) {
    if (views[0].dims[d] == 1) continue;
    size_t at = used++;
    for (; at > 0 && reach(d) > reach(order[at - 1]); at--) order[at] = order[at - 1];
    order[at] = d;
  }

  LoopNest nest{};
  for (size_t i = 0; i < used; i++) {
    const size_t at = nest.rank;
    nest.dims[at] = views[0].dims[order[i]];
    for (size_t v = 0; v < views.size(); v++) nest.strides[v][at] = views[v].strides[order[i]];
    if (at > 0 && continues(nest, views.size(), at - 1, at)) {
      nest.dims[at - 1] *= nest.dims[at];
      for (size_t v = 0; v < views.size(); v++) nest.strides[v][at - 1] = nest.strides[v][at];
    } else {
      nest.rank++;
    }
  }
  if (nest.rank == 0) {  // a single element
    nest.rank = 1;
    nest.dims[0] = 1;
    for (size_t v = 0; v < views.size(); v++) nest.strides[v][0] = 1;
  }
  return nest;
}

Odometer::Odometer(const LoopNest& nest, size_t views, size_t loops, size_t at)
    : nest_(nest), views_(views), loops_(loops) {
  for (size_t d = loops; d-- > 0;) {
    index_[d] = at % nest.dims[d];
    at /= nest.dims[d];
    for (size_t v = 0; v < views; v++) {
      offsets[v] += nest.strides[v][d] * static_cast<ptrdiff_t>(index_[d]);
    }
  }
}

}  // namespace untangle
