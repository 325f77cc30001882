// A program file taken apart into its sections and put together again, for mutators.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "native/program/format.h"

namespace untangle::fuzz {

/// The sections in file order; `kRecordBytes` has one entry for each.
enum Section : size_t {
  kBindings,
  kViews,
  kCommands,
  kRegions,
  kTaps,
  kOps,
  kIndices,
  kMetadata,
  kConstants,
  kStreamed,
  kSectionCount,
};

/// Bytes of one record of each section.
inline constexpr std::array<size_t, kSectionCount> kRecordBytes = {sizeof(BindingRecord),
                                                                   sizeof(ViewRecord),
                                                                   kCommandBytes,
                                                                   sizeof(RegionRecord),
                                                                   sizeof(TapRecord),
                                                                   sizeof(OpRecord),
                                                                   4,
                                                                   1,
                                                                   sizeof(float),
                                                                   kSectionAlignment};

/// A file whose sizes are those of its sections.
struct ProgramParts {
  HeaderRecord header;
  std::array<std::vector<std::byte>, kSectionCount> sections;
};

/// The parts of `file`; null when its header does not fit its length.
std::optional<ProgramParts> take_apart(std::span<const std::byte> file);

/// A file with these parts: sizes, format hash and checksum are right.
std::vector<std::byte> put_together(const ProgramParts& parts);

/// Makes the words of the header that say nothing about the program right, so that what follows is
/// looked at: magic, format hash, file size and checksum. `file` is at least a header long.
void repair_header(std::span<std::byte> file);

}  // namespace untangle::fuzz
