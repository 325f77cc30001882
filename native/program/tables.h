// A validated program's tables, and views as all executors see them.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "native/program/format.h"

namespace untangle {

/// All spans point into memory owned by the session.
struct Program {
  std::span<const BindingRecord> bindings;  // inputs, then outputs
  std::span<const ViewRecord> views;
  std::span<const std::byte> commands;  // kCommandBytes each
  std::span<const RegionRecord> regions;
  std::span<const TapRecord> taps;
  std::span<const OpRecord> ops;
  std::span<const int32_t> indices;
  std::span<const float> constants;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t arena_bytes;
  uint32_t input_commands = 0;  // all commands that read inputs are among the first so many
  std::span<const std::byte> streamed{};  // weights that loads read; empty when left in the file
  uint64_t streamed_offset = 0;           // of these weights in the file
  uint64_t streamed_bytes = 0;
  // Per command, how many loads have to be complete before it begins; empty without loads.
  std::vector<uint32_t> loads_awaited{};
};

/// A command of the opcode that it begins with.
template <typename Command>
const Command& as(const std::byte* command) {
  return *reinterpret_cast<const Command*>(command);
}

inline size_t command_count(const Program& program) {
  return program.commands.size() / kCommandBytes;
}

/// An index computed by the run that lies outside its axis: the run ends with the command that met
/// it.
struct IndexFault {
  bool found = false;
  size_t command = 0;
  float value = 0;
  uint32_t size = 0;  // of the axis
};

/// A view resolved to memory: element (i0..i5) is data[sum(i*stride)].
struct ResolvedView {
  float* data;
  uint32_t rank;
  const uint32_t* dims;    // 6, unused 1
  const int32_t* strides;  // 6, in elements, unused 0
};

/// Elements of a view.
inline size_t elements(const ResolvedView& view) {
  size_t product = 1;
  for (uint32_t d = 0; d < view.rank; d++) product *= view.dims[d];
  return product;
}

}  // namespace untangle
