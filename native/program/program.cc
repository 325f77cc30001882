#include "native/program/program.h"

#include <array>
#include <cstring>

#include "native/program/validate.h"

namespace untangle {
namespace {

// Eight tables: the checksum takes eight bytes a step, so that it does not show beside reading the
// weights from disk.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
    tables[0][i] = value;
  }
  for (size_t t = 1; t < 8; t++) {
    for (size_t i = 0; i < 256; i++) {
      const uint32_t before = tables[t - 1][i];
      tables[t][i] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

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

std::optional<ProgramError> check_header(const HeaderRecord& header, uint64_t file_bytes) {
  if (header.magic != kMagic) return format_error("it does not start with UNTP");
  if (header.format_hash != kFormatHash) {
    return ProgramError{ProgramError::Kind::kVersion, "format hash differs", header.format_hash};
  }
  const uint64_t stated = uint64_t{header.file_bytes_high} << 32 | header.file_bytes_low;
  if (stated != file_bytes) {
    return format_error("the header states " + std::to_string(stated) + " bytes but there are " +
                        std::to_string(file_bytes));
  }
  if (header.constant_bytes % sizeof(float) != 0) {
    return format_error("the constants are not a whole number of floats");
  }
  return std::nullopt;
}

}  // namespace

uint32_t crc32(std::span<const std::byte> bytes) {
  const CrcTables& t = kCrcTables;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  uint32_t crc = 0xffffffffu;
  for (; left >= 8; left -= 8, at += 8) {
    uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + 4, 4);
    low ^= crc;
    crc = t[7][low & 0xff] ^ t[6][(low >> 8) & 0xff] ^ t[5][(low >> 16) & 0xff] ^ t[4][low >> 24] ^
          t[3][high & 0xff] ^ t[2][(high >> 8) & 0xff] ^ t[1][(high >> 16) & 0xff] ^
          t[0][high >> 24];
  }
  for (; left > 0; left--, at++) crc = (crc >> 8) ^ t[0][(crc ^ *at) & 0xff];
  return ~crc;
}

std::optional<ProgramError> parse_program(std::span<const std::byte> bytes, Program& program) {
  if (bytes.size() < sizeof(HeaderRecord)) return format_error("it is shorter than a header");
  HeaderRecord header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (auto error = check_header(header, bytes.size())) return error;
  if (crc32(bytes.subspan(sizeof(header))) != header.checksum) {
    return format_error("the checksum does not match; the file is damaged");
  }

  SectionReader reader(bytes, sizeof(header));
  program = {};
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
  if (bytes.size() - reader.end() >= kSectionAlignment) {
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
