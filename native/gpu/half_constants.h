// Constants as they lie on the device: as they are, or as halves where f16 is allowed and only
// products read them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "native/program/tables.h"

namespace untangle::gpu {

/// Bytes of its slot that a view may touch: [first, last).
struct Reach {
  int64_t first, last;
};

Reach reach_of(const ViewRecord& view);

/// How commands read a view; what is read both ways is kValues.
enum class ViewUse : uint8_t { kNone, kOperand, kValues };

/// Neighbouring constants that lie together on the device.
struct ConstantRun {
  size_t first, count;  // floats of the program
  size_t device;        // offset
  bool is_half;

  size_t element_bytes() const { return is_half ? sizeof(uint16_t) : sizeof(float); }
  size_t bytes() const { return count * element_bytes(); }
  /// Where float `at` of the program lies.
  size_t offset(size_t at) const { return device + (at - first) * element_bytes(); }
};

struct HalfRange {
  size_t first, count;
};

/// Constants that only products read, that no half overflows on and that are worth it; by view,
/// `uses` says how each is read. In their order.
std::vector<HalfRange> half_ranges(const Program& program, std::span<const ViewUse> uses);

/// All constants, in their order, not yet placed.
std::vector<ConstantRun> constant_runs(size_t count, std::span<const HalfRange> halves);

/// The run that has float `first`; there is one.
const ConstantRun& run_of(std::span<const ConstantRun> runs, size_t first);

}  // namespace untangle::gpu
