// Which constants lie on the device as halves.

#include "native/gpu/half_constants.h"

#include <algorithm>
#include <cmath>

#include "native/gpu/half.h"

namespace untangle::gpu {

namespace {

// Shorter ones would lose to alignment what they save.
constexpr size_t kFewestHalves = 512;

struct Range {
  size_t first, last;  // floats
  bool is_operand;
};

bool is_in_range(std::span<const float> values) {
  return std::none_of(values.begin(), values.end(), [](float value) {
    return std::isfinite(value) && std::abs(value) >= kHalfOverflow;
  });
}

/// Constants that commands read, from the first on.
std::vector<Range> read_ranges(const Program& program, std::span<const ViewUse> uses) {
  std::vector<Range> ranges;
  for (size_t i = 0; i < program.views.size(); i++) {
    const ViewRecord& view = program.views[i];
    if (view.slot != kSlotConstants || uses[i] == ViewUse::kNone) continue;
    const Reach reach = reach_of(view);
    ranges.push_back({static_cast<size_t>(reach.first) / sizeof(float),
                      static_cast<size_t>(reach.last) / sizeof(float),
                      uses[i] == ViewUse::kOperand});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  });
  return ranges;
}

}  // namespace

Reach reach_of(const ViewRecord& view) {
  Reach reach{view.offset_bytes, int64_t{view.offset_bytes} + int64_t{sizeof(float)}};
  for (uint32_t d = 0; d < 6; d++) {
    const int64_t bytes = int64_t{(&view.stride0)[d]} * ((&view.dim0)[d] - int64_t{1}) * 4;
    (bytes < 0 ? reach.first : reach.last) += bytes;
  }
  return reach;
}

std::vector<HalfRange> half_ranges(const Program& program, std::span<const ViewUse> uses) {
  const std::vector<Range> ranges = read_ranges(program, uses);
  std::vector<HalfRange> halves;
  for (size_t i = 0; i < ranges.size();) {
    // All that overlap: they are halves together, which they can be when they are the same.
    Range all = ranges[i];
    bool is_one = true;
    for (i++; i < ranges.size() && ranges[i].first < all.last; i++) {
      is_one = is_one && ranges[i].first == all.first && ranges[i].last == all.last;
      all.last = std::max(all.last, ranges[i].last);
      all.is_operand = all.is_operand && ranges[i].is_operand;
    }
    const size_t count = all.last - all.first;
    if (!is_one || !all.is_operand || count < kFewestHalves) continue;
    if (is_in_range(program.constants.subspan(all.first, count))) {
      halves.push_back({all.first, count});
    }
  }
  return halves;
}

std::vector<ConstantRun> constant_runs(size_t count, std::span<const HalfRange> halves) {
  std::vector<ConstantRun> runs;
  size_t at = 0;
  const auto add = [&](size_t last, bool is_half) {
    if (last > at) runs.push_back({at, last - at, 0, is_half});
    at = last;
  };
  for (const HalfRange& half : halves) {
    add(half.first, false);
    add(half.first + half.count, true);
  }
  add(count, false);
  return runs;
}

const ConstantRun& run_of(std::span<const ConstantRun> runs, size_t first) {
  const auto after =
      std::upper_bound(runs.begin(), runs.end(), first,
                       [](size_t at, const ConstantRun& run) { return at < run.first; });
  return *std::prev(after);
}

}  // namespace untangle::gpu
