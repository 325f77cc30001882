#include "native/fuzz/program_parts.h"

#include <cstring>

#include "native/program/program.h"

namespace untangle::fuzz {
namespace {

size_t align(size_t bytes) {
  return (bytes + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
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
          header.constant_bytes / sizeof(float)};
}

}  // namespace

std::optional<ProgramParts> take_apart(std::span<const std::byte> file) {
  if (file.size() < sizeof(HeaderRecord)) return std::nullopt;
  ProgramParts parts;
  std::memcpy(&parts.header, file.data(), sizeof(parts.header));
  const auto counts = record_counts(parts.header);
  size_t at = sizeof(HeaderRecord);
  for (size_t section = 0; section < kSectionCount; section++) {
    at = align(at);
    const uint64_t bytes = counts[section] * kRecordBytes[section];
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

  std::vector<std::byte> file(sizeof(header));
  std::memcpy(file.data(), &header, sizeof(header));
  for (const auto& section : parts.sections) {
    file.resize(align(file.size()));
    file.insert(file.end(), section.begin(), section.end());
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
  header.checksum = crc32(file.subspan(sizeof(header)));
  std::memcpy(file.data(), &header, sizeof(header));
}

}  // namespace untangle::fuzz
