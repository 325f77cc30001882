#include "native/program/program.h"

#include <cstring>

#include "native/program/crc32.h"
#include "native/program/validate.h"

namespace untangle {
namespace {

/// Hands out sections in file order.
class SectionReader {
 public:
  SectionReader(std::span<const std::byte> bytes, size_t at) : bytes_(bytes), at_(at) {}

  /// The next `count` records; sets `failed` when they do not fit.
  template <typename T>
  std::span<const T> take(uint64_t count) {
    const uint64_t wanted = count * sizeof(T);  // counts are 32 bits, records at most 64 bytes
    const uint64_t aligned = (at_ + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
    if (wanted == 0 || failed_) return {};
    if (aligned > bytes_.size() || wanted > bytes_.size() - aligned) {
      failed_ = true;
      return {};
    }
    at_ = aligned + wanted;
    return {reinterpret_cast<const T*>(bytes_.data() + aligned), static_cast<size_t>(count)};
  }

  bool failed() const { return failed_; }
  uint64_t end() const { return at_; }

 private:
  std::span<const std::byte> bytes_;
  uint64_t at_;
  bool failed_ = false;
};

ProgramError format_error(std::string message) {
  return {ProgramError::Kind::kFormat, std::move(message)};
}

uint64_t stated_bytes(const HeaderRecord& header) {
  return uint64_t{header.file_bytes_high} << 32 | header.file_bytes_low;
}

uint64_t streamed_bytes(const HeaderRecord& header) {
  return uint64_t{header.streamed_lines} * kSectionAlignment;
}

std::optional<ProgramError> check_header(const HeaderRecord& header, uint64_t file_bytes) {
  if (header.magic != kMagic) return format_error("it does not start with UNTP");
  if (header.format_hash != kFormatHash) {
    return ProgramError{ProgramError::Kind::kVersion, "format hash differs", header.format_hash};
  }
  const uint64_t stated = stated_bytes(header);
  if (stated != file_bytes && stated - streamed_bytes(header) != file_bytes) {
    return format_error("the header states " + std::to_string(stated) + " bytes but there are " +
                        std::to_string(file_bytes));
  }
  if (streamed_bytes(header) > 0 &&
      (stated < streamed_bytes(header) || (stated - streamed_bytes(header)) % kPageBytes != 0)) {
    return format_error("its streamed weights do not begin at a page");
  }
  if (header.constant_bytes % sizeof(float) != 0) {
    return format_error("the constants are not a whole number of floats");
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProgramError> parse_program(std::span<const std::byte> bytes, Program& program) {
  if (bytes.size() < sizeof(HeaderRecord)) return format_error("it is shorter than a header");
  HeaderRecord header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (auto error = check_header(header, bytes.size())) return error;
  program = {};
  program.streamed_bytes = streamed_bytes(header);
  program.streamed_offset = stated_bytes(header) - program.streamed_bytes;
  const auto resident = bytes.first(static_cast<size_t>(program.streamed_offset));
  program.streamed = bytes.subspan(resident.size());
  if (crc32(resident.subspan(sizeof(header))) != header.checksum) {
    return format_error("the checksum does not match; the file is damaged");
  }

  SectionReader reader(resident, sizeof(header));
  program.bindings = reader.take<BindingRecord>(uint64_t{header.input_count} + header.output_count);
  program.views = reader.take<ViewRecord>(header.view_count);
  program.commands = reader.take<std::byte>(uint64_t{header.command_count} * kCommandBytes);
  program.regions = reader.take<RegionRecord>(header.region_count);
  program.taps = reader.take<TapRecord>(header.tap_count);
  program.ops = reader.take<OpRecord>(header.op_count);
  program.indices = reader.take<int32_t>(header.index_count);
  reader.take<std::byte>(header.metadata_bytes);
  program.constants = reader.take<float>(header.constant_bytes / sizeof(float));
  if (reader.failed()) return format_error("its sections are longer than the file");
  const size_t alignment = program.streamed_bytes > 0 ? kPageBytes : kSectionAlignment;
  if (resident.size() - reader.end() >= alignment) {
    return format_error("there are bytes after its last section");
  }
  program.input_count = header.input_count;
  program.output_count = header.output_count;
  program.arena_bytes = header.arena_bytes;
  return std::nullopt;
}

std::optional<ProgramError> load_program(std::span<const std::byte> bytes, Program& program) {
  if (auto error = parse_program(bytes, program)) return error;
  if (auto message = validate_program(program)) return format_error(std::move(*message));
  return std::nullopt;
}

}  // namespace untangle
