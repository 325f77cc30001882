// Validation of loads, and of what has to wait for them.
//
// Which commands wait is worked out here and not read from the file: no program can then touch
// memory that is being filled.

#include <algorithm>

#include "native/program/crc32.h"
#include "native/program/packing.h"
#include "native/program/validate.h"

namespace untangle {
namespace {

/// Bytes of the arena, the last one not included.
struct ByteRange {
  uint64_t first;
  uint64_t last;
};

/// From the lowest element of a view that has been checked to behind the highest one.
ByteRange range_of(const ViewRecord& view) {
  const auto element = static_cast<int64_t>(weight_bytes(static_cast<WeightType>(view.type)));
  int64_t lowest = view.offset_bytes;
  int64_t highest = lowest;
  for (uint32_t d = 0; d < view.rank; d++) {
    const int64_t reach = int64_t{(&view.dim0)[d] - 1} * (&view.stride0)[d] * element;
    (reach < 0 ? lowest : highest) += reach;
  }
  return {static_cast<uint64_t>(lowest), static_cast<uint64_t>(highest + element)};
}

/// What is read from `start` on, as far as it is at hand; what is left in the file is checked as it
/// is read.
bool is_undamaged(std::span<const std::byte> streamed, uint64_t start, const LoadCommand& command) {
  return streamed.empty() || crc32(streamed.subspan(start, command.bytes)) == command.checksum;
}

}  // namespace

bool Validator::load(const LoadCommand& command) {
  const uint64_t bytes = command.bytes;
  const uint64_t start = uint64_t{command.first_word} * 4;
  if (!require(bytes > 0 && command.offset_bytes % 4 == 0,
               "it does not read some bytes to a float") ||
      !require(command.offset_bytes + bytes <= program_.arena_bytes, "it leaves the arena") ||
      !require(start + bytes <= program_.streamed_bytes, "it reads past the streamed weights") ||
      !require(is_undamaged(program_.streamed, start, command),
               "the checksum of its weights is wrong: the file is damaged")) {
    return false;
  }
  if (awaited_.empty()) awaited_.resize(command_count(program_));
  recent_[loads_++ % kMaxLoads] = command;
  return true;
}

void Validator::await_loads(const ViewRecord& view) {
  ByteRange touched = range_of(view);
  const uint32_t first_input = kSlotFirstOutput + program_.output_count;
  if (view.slot >= first_input) {  // it may be read where it was copied to
    const uint64_t offset = program_.bindings[view.slot - first_input].offset_bytes;
    touched = {touched.first + offset, touched.last + offset};
  } else if (view.slot != kSlotArena) {
    return;
  }
  uint32_t& awaited = awaited_[command_index_];
  const uint32_t oldest = loads_ > kMaxLoads ? loads_ - kMaxLoads : 0;
  // Loads end in order: the last of those that matter is enough.
  for (uint32_t i = loads_; i > std::max(oldest, awaited); i--) {
    const LoadCommand& load = recent_[(i - 1) % kMaxLoads];
    const uint64_t end = uint64_t{load.offset_bytes} + load.bytes;
    if (touched.first < end && load.offset_bytes < touched.last) {
      awaited = i;
      return;
    }
  }
}

}  // namespace untangle
