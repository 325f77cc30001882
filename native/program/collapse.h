// Turns views of one shape into the shortest loop nest that visits all their elements.

#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "native/program/tables.h"

namespace untangle {

inline constexpr size_t kMaxRank = 6;

/// Loops over several views at once; dim rank - 1 is the innermost. Views keep their order.
struct LoopNest {
  static constexpr size_t kMaxViews = 7;

  size_t rank;  // >= 1
  std::array<size_t, kMaxRank> dims;
  std::array<std::array<ptrdiff_t, kMaxRank>, kMaxViews> strides;  // [view][dim]

  /// Elements of dims [0, end).
  size_t count(size_t end) const {
    size_t product = 1;
    for (size_t d = 0; d < end; d++) product *= dims[d];
    return product;
  }

  /// Moves dim `from` to position `to` behind it, keeping the order of the others.
  void move_dim(size_t from, size_t to) {
    for (; from < to; from++) {
      std::swap(dims[from], dims[from + 1]);
      for (auto& of_view : strides) std::swap(of_view[from], of_view[from + 1]);
    }
  }
};

/// Orders dims so that the first view's innermost stride is smallest, drops dims of 1, and
/// merges neighbours that are contiguous in every view. All views have the shape of the first.
LoopNest collapse(std::span<const ResolvedView> views);

/// The same for dims [first, end) of the views' common dims.
LoopNest collapse(std::span<const ResolvedView> views, size_t first, size_t end);

/// Walks the outer `loops` dims of a nest, keeping the offset of every view.
class Odometer {
 public:
  /// Starts at the `at`-th combination of dims [0, loops).
  Odometer(const LoopNest& nest, size_t views, size_t loops, size_t at);

  void next() {
    for (size_t d = loops_; d-- > 0;) {
      index_[d]++;
      for (size_t v = 0; v < views_; v++) offsets[v] += nest_.strides[v][d];
      if (index_[d] < nest_.dims[d]) return;
      for (size_t v = 0; v < views_; v++) {
        offsets[v] -= nest_.strides[v][d] * static_cast<ptrdiff_t>(index_[d]);
      }
      index_[d] = 0;
    }
  }

  std::array<ptrdiff_t, LoopNest::kMaxViews> offsets{};

 private:
  const LoopNest& nest_;
  size_t views_;
  size_t loops_;
  std::array<size_t, kMaxRank> index_{};
};

}  // namespace untangle
