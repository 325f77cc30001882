// Programs that load streamed weights and copy them to where a test looks.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "native/program/crc32.h"
#include "native/program/tables.h"
#include "native/program/validate.h"

namespace untangle::test {

/// `blocks` blocks of `floats` each (a multiple of 16) go through `buffers` places of the arena in
/// turn, each loaded as soon as its place is free, and from there to a result.
class StreamProgram {
 public:
  StreamProgram(uint32_t blocks, uint32_t floats, uint32_t buffers)
      : floats_(floats), buffers_(buffers), weights(size_t{blocks} * floats) {
    for (size_t i = 0; i < weights.size(); i++) weights[i] = static_cast<float>(i % 8191);
    uint32_t loaded = 0;
    for (uint32_t block = 0; block < blocks; block++) {
      for (; loaded < blocks && loaded < block + buffers; loaded++) add_load(loaded);
      add_copy(block);
    }
  }

  /// Its tables, with or without the streamed weights at hand; false when they are refused.
  bool make(Program& program, bool is_whole = true) const {
    program = {.bindings = {},
               .views = views,
               .commands = std::as_bytes(std::span(commands)),
               .regions = {},
               .taps = {},
               .ops = {},
               .indices = {},
               .constants = {},
               .input_count = 0,
               .output_count = 0,
               .arena_bytes = arena_bytes()};
    const auto streamed = std::as_bytes(std::span(weights));
    program.streamed = is_whole ? streamed : streamed.first(0);
    program.streamed_bytes = streamed.size();
    return !validate_program(program);
  }

  /// The program as a file, with or without its streamed weights.
  std::vector<std::byte> file(bool is_whole) const {
    std::vector<std::byte> bytes(sizeof(HeaderRecord));
    const auto section = [&bytes](std::span<const std::byte> content, size_t alignment) {
      bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
      bytes.insert(bytes.end(), content.begin(), content.end());
    };
    section(std::as_bytes(std::span(views)), kSectionAlignment);
    section(std::as_bytes(std::span(commands)), kSectionAlignment);
    section({}, kPageBytes);
    HeaderRecord header{};
    const auto streamed = std::as_bytes(std::span(weights));
    header.magic = kMagic;
    header.format_hash = kFormatHash;
    header.file_bytes_low = static_cast<uint32_t>(bytes.size() + streamed.size());
    header.arena_bytes = arena_bytes();
    header.view_count = static_cast<uint32_t>(views.size());
    header.command_count = static_cast<uint32_t>(commands.size());
    header.streamed_lines = static_cast<uint32_t>(streamed.size() / kSectionAlignment);
    header.checksum = crc32(std::span(bytes).subspan(sizeof(header)));
    std::memcpy(bytes.data(), &header, sizeof(header));
    if (is_whole) section(streamed, kPageBytes);
    return bytes;
  }

  uint32_t arena_bytes() const {
    return (buffers_ * floats_ + static_cast<uint32_t>(weights.size())) * 4;
  }

  /// Whether the results in the arena are the weights.
  bool is_right(const std::vector<float>& arena) const {
    return std::memcmp(arena.data() + buffers_ * floats_, weights.data(), weights.size() * 4) == 0;
  }

 private:
  struct Words {
    uint32_t words[kCommandBytes / 4];
  };

  void add_load(uint32_t block) {
    const uint32_t bytes = floats_ * 4;
    const auto content = std::as_bytes(std::span(weights)).subspan(size_t{block} * bytes, bytes);
    add(LoadCommand{
        Opcode::kLoad, block % buffers_ * bytes, bytes, block * (bytes / 4), crc32(content), {}});
  }

  void add_copy(uint32_t block) {
    const uint32_t from = view(block % buffers_ * floats_);
    add(CopyCommand{Opcode::kCopy, from, view((buffers_ + block) * floats_), {}});
  }

  uint32_t view(uint32_t first) {
    views.push_back({kSlotArena, first * 4, 1, 0, floats_, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0});
    return static_cast<uint32_t>(views.size() - 1);
  }

  template <typename Command>
  void add(const Command& command) {
    Words words;
    std::memcpy(&words, &command, sizeof(words));
    commands.push_back(words);
  }

  uint32_t floats_;
  uint32_t buffers_;

 public:
  std::vector<float> weights;
  std::vector<ViewRecord> views;
  std::vector<Words> commands;
};

}  // namespace untangle::test
