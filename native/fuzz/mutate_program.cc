// Mutations that keep a program file well-formed, so that the validator judges more than its
// header.

#include <cstring>
#include <random>

#include "native/fuzz/program_parts.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace untangle::fuzz {
namespace {

using Engine = std::minstd_rand;

uint32_t below(Engine& engine, size_t limit) { return static_cast<uint32_t>(engine() % limit); }

/// Numbers at which checks of sizes and offsets turn.
constexpr uint32_t kEdges[] = {0,
                               1,
                               2,
                               3,
                               4,
                               5,
                               6,
                               7,
                               8,
                               15,
                               16,
                               17,
                               63,
                               64,
                               65,
                               1u << 16,
                               1u << 20,
                               1u << 28,
                               (1u << 28) + 1,
                               0x7fffffffu,
                               0x80000000u,
                               0xfffffff0u,
                               0xfffffffeu,
                               0xffffffffu};

/// A new value for the word at `at` of a section: an edge, a neighbour, or the same field of
/// another record.
void mutate_word(Engine& engine, std::vector<std::byte>& section, size_t record_bytes, size_t at) {
  uint32_t word;
  std::memcpy(&word, section.data() + at, sizeof(word));
  const size_t records = section.size() / record_bytes;
  switch (below(engine, 6)) {
    case 0:
      word = kEdges[below(engine, std::size(kEdges))];
      break;
    case 1:
      word += below(engine, 9) - 4;
      break;
    case 2:
      word ^= 1u << below(engine, 32);
      break;
    case 3:
      word *= 2;
      break;
    case 4: {
      const size_t other = below(engine, records) * record_bytes + at % record_bytes;
      std::memcpy(&word, section.data() + other, sizeof(word));
      break;
    }
    default:
      LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(&word), sizeof(word), sizeof(word));
  }
  std::memcpy(section.data() + at, &word, sizeof(word));
}

/// Repeats, removes or exchanges whole records.
void mutate_records(Engine& engine, std::vector<std::byte>& section, size_t record_bytes) {
  const size_t records = section.size() / record_bytes;
  const auto begin = section.begin() + below(engine, records) * record_bytes;
  const std::vector<std::byte> record(begin, begin + record_bytes);
  switch (below(engine, 3)) {
    case 0:
      section.insert(section.begin() + below(engine, records + 1) * record_bytes, record.begin(),
                     record.end());
      break;
    case 1:
      section.erase(begin, begin + record_bytes);
      break;
    default:
      std::memcpy(section.data() + below(engine, records) * record_bytes, record.data(),
                  record_bytes);
  }
}

void mutate_once(Engine& engine, ProgramParts& parts) {
  // Commands, views and regions matter most; metadata and the values of constants nothing.
  constexpr Section kTargets[] = {kCommands, kCommands, kCommands, kViews,   kViews, kViews,
                                  kRegions,  kRegions,  kTaps,     kIndices, kOps,   kBindings};
  if (below(engine, 16) == 0) {
    constexpr uint32_t HeaderRecord::*kFields[] = {&HeaderRecord::arena_bytes,
                                                   &HeaderRecord::input_count};
    uint32_t& field = parts.header.*kFields[below(engine, 2)];
    field = below(engine, 2) == 0 ? kEdges[below(engine, std::size(kEdges))]
                                  : field + 4 * below(engine, 33) - 64;
    return;
  }
  const Section target = kTargets[below(engine, std::size(kTargets))];
  std::vector<std::byte>& section = parts.sections[target];
  const size_t record_bytes = kRecordBytes[target];
  if (section.empty()) return;
  if (below(engine, 5) == 0) return mutate_records(engine, section, record_bytes);
  mutate_word(engine, section, record_bytes, below(engine, section.size() / 4) * 4);
}

}  // namespace
}  // namespace untangle::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  using namespace untangle::fuzz;
  Engine engine(seed);
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  std::optional<ProgramParts> parts = below(engine, 20) == 0 ? std::nullopt : take_apart(file);
  if (!parts) return LLVMFuzzerMutate(data, size, max_size);
  for (uint32_t left = 1 + below(engine, 3); left > 0; left--) mutate_once(engine, *parts);
  const std::vector<std::byte> mutated = put_together(*parts);
  if (mutated.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, mutated.data(), mutated.size());
  return mutated.size();
}
