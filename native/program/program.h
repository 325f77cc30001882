// From the bytes of a program file to its tables.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "native/program/tables.h"

namespace untangle {

/// Why bytes are not a program this build can run; `message` is part of a sentence.
struct ProgramError {
  enum class Kind { kFormat, kVersion };
  Kind kind;
  std::string message;
  uint32_t found_hash = 0;  // of kVersion
};

/// Finds the sections of `bytes` and checks everything a command could do with them.
///
/// `bytes` is 64-byte aligned and must not change afterwards: the spans of `program` point into
/// it. They may end where streamed weights begin. Any content is safe to pass. After success,
/// executing `program` touches nothing outside its arena, its constants and its outputs.
std::optional<ProgramError> load_program(std::span<const std::byte> bytes, Program& program);

/// Only finds the sections: header, checksum and section bounds.
std::optional<ProgramError> parse_program(std::span<const std::byte> bytes, Program& program);

/// Bytes of output `index`.
inline uint64_t output_bytes(const Program& program, size_t index) {
  return uint64_t{program.bindings[program.input_count + index].elements} * sizeof(float);
}

}  // namespace untangle
