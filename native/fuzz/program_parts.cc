#include "native/fuzz/program_parts.h"

#include <cstring>

#include "native/program/crc32.h"
#include "native/program/program.h"

namespace untangle::fuzz {
namespace {

/// Where a section begins after `bytes`.
size_t align(size_t bytes, size_t section) {
  const size_t alignment = section == kStreamed ? kPageBytes : kSectionAlignment;
  return (bytes + alignment - 1) / alignment * alignment;
}

std::array<uint64_t, kSectionCount> record_counts(const HeaderRecord& header) {
  return {uint64_t{header.input_count} + header.output_count,
          header.view_count,
          header.command_count,
          header.region_count,
          header.tap_count,
          header.op_count,
          header.index_count,
          header.metadata_bytes,
          header.constant_bytes / sizeof(float),
          header.streamed_lines};
}

}  // namespace

std::optional<ProgramParts> take_apart(std::span<const std::byte> file) {
  if (file.size() < sizeof(HeaderRecord)) return std::nullopt;
  ProgramParts parts;
  std::memcpy(&parts.header, file.data(), sizeof(parts.header));
  const auto counts = record_counts(parts.header);
  size_t at = sizeof(HeaderRecord);
  for (size_t section = 0; section < kSectionCount; section++) {
    const uint64_t bytes = counts[section] * kRecordBytes[section];
    if (section == kStreamed && bytes == 0) break;
    at = align(at, section);
    if (at > file.size() || bytes > file.size() - at) return std::nullopt;
    parts.sections[section].assign(file.begin() + at, file.begin() + at + bytes);
    at += bytes;
  }
  return parts;
}

std::vector<std::byte> put_together(const ProgramParts& parts) {
  HeaderRecord header = parts.header;
  const auto count = [&](Section section) {
    return static_cast<uint32_t>(parts.sections[section].size() / kRecordBytes[section]);
  };
  const uint32_t bindings = count(kBindings);
  header.input_count = header.input_count < bindings ? header.input_count : bindings;
  header.output_count = bindings - header.input_count;
  header.view_count = count(kViews);
  header.command_count = count(kCommands);
  header.region_count = count(kRegions);
  header.tap_count = count(kTaps);
  header.op_count = count(kOps);
  header.index_count = count(kIndices);
  header.metadata_bytes = count(kMetadata);
  header.constant_bytes = static_cast<uint32_t>(parts.sections[kConstants].size());
  header.streamed_lines = count(kStreamed);

  std::vector<std::byte> file(sizeof(header));
  std::memcpy(file.data(), &header, sizeof(header));
  for (size_t section = 0; section < kSectionCount; section++) {
    const std::vector<std::byte>& content = parts.sections[section];
    if (section == kStreamed && content.empty()) break;
    file.resize(align(file.size(), section));
    file.insert(file.end(), content.begin(), content.end());
  }
  repair_header(file);
  return file;
}

void repair_header(std::span<std::byte> file) {
  HeaderRecord header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.magic = kMagic;
  header.format_hash = kFormatHash;
  header.file_bytes_low = static_cast<uint32_t>(file.size());
  header.file_bytes_high = 0;
  const uint64_t streamed = uint64_t{header.streamed_lines} * kSectionAlignment;
  const size_t resident = streamed <= file.size() - sizeof(header) ? file.size() - streamed : 0;
  header.checksum = resident > 0 ? crc32(file.first(resident).subspan(sizeof(header))) : 0;
  std::memcpy(file.data(), &header, sizeof(header));
}

}  // namespace untangle::fuzz
