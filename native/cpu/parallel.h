// Splits a command's work into items for the thread pool.

#pragma once

#include <algorithm>
#include <cstddef>

#include "native/cpu/execution.h"

namespace untangle {

/// Elements one item should at least touch: some microseconds, long against handing out an item.
inline constexpr size_t kItemElements = 16 * 1024;

/// Calls body(begin, end, thread) over [0, count) in ranges; one element of the range touches
/// `cost` elements.
///
/// Ranges depend on count and cost only, not on the number of threads. Stops between ranges when
/// the run is aborted.
template <typename Body>
void for_ranges(const Execution& run, size_t count, size_t cost, Body&& body) {
  const size_t step = std::max<size_t>(1, kItemElements / std::max<size_t>(1, cost));
  const size_t items = (count + step - 1) / step;
  if (items <= 1) {
    if (count > 0) body(size_t{0}, count, size_t{0});
    return;
  }
  run.pool.parallel_for(items, [&](size_t item, size_t thread) {
    if (run.aborted.load(std::memory_order_relaxed)) return;
    const size_t begin = item * step;
    body(begin, std::min(count, begin + step), thread);
  });
}

/// The workspace of a thread as floats.
inline float* workspace(const Execution& run, size_t thread) {
  return reinterpret_cast<float*>(run.workspace[thread]);
}

inline constexpr size_t kWorkspaceFloats = kWorkspaceBytes / sizeof(float);

}  // namespace untangle
