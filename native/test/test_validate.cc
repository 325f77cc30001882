// The validator accepts a program with every command, and whatever it accepts after a mutation runs
// inside its memory (build with UNTANGLE_SANITIZE: every block of memory has exactly the size the
// program states).

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "native/cpu/kernels/kernels.h"
#include "native/program/crc32.h"
#include "native/program/packing.h"
#include "native/program/program.h"
#include "native/test/check.h"
#include "native/test/op_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

constexpr size_t kMutations = 12;

/// Memory of an exact size and alignment, so that AddressSanitizer sees the byte after it.
struct Exact {
  explicit Exact(size_t bytes) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, bytes) != 0) std::abort();
    data.reset(static_cast<std::byte*>(memory));
    std::memset(data.get(), 0, bytes);
  }
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte[], Free> data;
};

/// Collects sections and writes the file.
struct File {
  std::vector<BindingRecord> bindings;
  uint32_t inputs = 0;
  std::vector<ViewRecord> views;
  std::vector<std::byte> commands;
  std::vector<RegionRecord> regions;
  std::vector<TapRecord> taps;
  std::vector<OpRecord> ops;
  std::vector<int32_t> indices;
  std::vector<float> constants;
  uint32_t arena_bytes = 0;

  /// Constants: packed weights that are no f32.
  uint32_t packed(WeightType type, uint32_t panels, uint32_t rows, uint32_t width) {
    const auto elements = static_cast<uint32_t>(panels * panel_weights(type, rows, width));
    const uint32_t start = constant_bytes;
    const uint32_t index = view(kSlotConstants, {elements});
    views[index].type = static_cast<uint32_t>(type);
    constant_bytes = start + (elements * static_cast<uint32_t>(weight_bytes(type)) + 3) / 4 * 4;
    return index;
  }

  uint32_t view(uint32_t slot, std::vector<uint32_t> dims) {
    uint32_t& end = slot == kSlotArena ? arena_bytes : constant_bytes;
    ViewRecord record{slot,
                      slot >= kSlotFirstOutput ? 0 : end,
                      static_cast<uint32_t>(dims.size()),
                      0,
                      1,
                      1,
                      1,
                      1,
                      1,
                      1,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0};
    int32_t size = 1;
    for (size_t d = dims.size(); d-- > 0;) {
      (&record.dim0)[d] = dims[d];
      (&record.stride0)[d] = size;
      size *= static_cast<int32_t>(dims[d]);
    }
    if (slot < kSlotFirstOutput) end += static_cast<uint32_t>(size) * 4;
    views.push_back(record);
    return static_cast<uint32_t>(views.size() - 1);
  }
  template <typename Command>
  void add(const Command& command) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&command);
    commands.insert(commands.end(), bytes, bytes + kCommandBytes);
  }

  std::vector<std::byte> write() const {
    std::vector<std::byte> bytes(sizeof(HeaderRecord));
    const auto section = [&bytes](const auto& records) {
      bytes.resize((bytes.size() + 63) / 64 * 64);
      const auto* data = reinterpret_cast<const std::byte*>(records.data());
      bytes.insert(bytes.end(), data, data + records.size() * sizeof(records[0]));
    };
    section(bindings), section(views), section(commands), section(regions), section(taps),
        section(ops), section(indices);
    section(std::vector<float>(constant_bytes / 4, 0.5f));
    const auto count = [](const auto& records) { return static_cast<uint32_t>(records.size()); };
    const HeaderRecord header{kMagic,
                              kFormatHash,
                              count(bytes),
                              0,
                              arena_bytes,
                              constant_bytes,
                              inputs,
                              count(bindings) - inputs,
                              count(views),
                              count(commands) / kCommandBytes,
                              count(regions),
                              count(taps),
                              count(ops),
                              count(indices),
                              0,
                              0,
                              crc32(std::span(bytes).subspan(sizeof(HeaderRecord)))};
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
  }
  uint32_t constant_bytes = 0;
};

/// Matrix products, and commands that look up what other elements say.
void add_products_and_tables(File& f) {
  const uint32_t a = f.view(kSlotArena, {2, 3, 4});
  const uint32_t b = f.view(kSlotConstants, {2, 4, 5});
  const uint32_t product = f.view(kSlotArena, {2, 3, 5});
  f.add(MatmulCommand{Opcode::kMatmul, a, b, product, {}});
  const uint32_t picked = f.view(kSlotArena, {2, 2, 5});
  f.add(GatherCommand{Opcode::kGather, product, picked, 0, 2, {}});
  // Whatever the memory holds is taken for indices.
  const uint32_t table = f.view(kSlotArena, {2, 3, 4, 2});
  const uint32_t tuples = f.view(kSlotArena, {2, 3, 2});
  const uint32_t found = f.view(kSlotArena, {2, 3});
  const auto add = static_cast<uint32_t>(Scatter::kAdd);
  f.add(GatherIndexedCommand{Opcode::kGatherIndexed, table, found, tuples, {}});
  f.add(ScatterIndexedCommand{Opcode::kScatterIndexed, found, table, tuples, add, {}});
}

/// Commands that take weights of other types, and the one that widens them.
void add_stored_weights(File& f, uint32_t x, uint32_t y, uint32_t scratch) {
  for (const WeightType type : {WeightType::kFp16, WeightType::kInt8}) {
    const auto first = static_cast<uint32_t>(f.regions.size());
    f.regions.push_back({0, 0, 1, 1, 4, 4, 0, 0, 1, 1, 0, 2, 3, kRegionPadded, 0, 0});
    const auto tap = static_cast<uint32_t>(f.taps.size());
    f.taps.push_back({0, 0, 0, 0});
    f.regions.push_back({0, 0, 1, 1, 4, 4, -1, -1, 1, 1, tap, 1, 3, kRegionPadded, 0, 0});
    f.add(GemmTapsCommand{Opcode::kGemmTaps, x, y, f.packed(type, 1, 27, 16), kNone, kNone, kNone,
                          27, 1, 1, 1, first, 1, 0, 0, 0});
    f.add(WinogradCommand{Opcode::kWinograd, x, y, f.packed(type, 1, 27, 16), kNone, kNone, kNone,
                          scratch, 2, 3, 3, first + 1, 1, 0, 0, 0});
    const uint32_t wide = f.view(kSlotArena, {2, 7, 3});
    f.add(WidenCommand{Opcode::kWiden, f.packed(type, 2, 7, 3), wide, {}});
  }
}

/// A whole map normalized, and one whose moments come in two bands before they are applied.
void add_normalizations(File& f, uint32_t y, uint32_t out, uint32_t pair) {
  const uint32_t scratch = f.view(kSlotArena, {kNormalizeChunks * 2 + 2, 1, 2});
  const uint32_t band = f.view(kSlotArena, {1, 2, 4, 2});
  const auto add = [&](uint32_t x, uint32_t to, NormalizePart part, uint32_t row) {
    NormalizeCommand command{};
    command.opcode = Opcode::kNormalize;
    command.x = x;
    command.y = to;
    command.scale_view = command.bias_view = command.slope_view = pair;
    command.residual_view = kNone;
    command.scratch_view = scratch;
    command.epsilon_bits = 0x3f800000;
    command.activation = static_cast<uint32_t>(Unary::kPrelu);
    command.part = static_cast<uint32_t>(part);
    command.row = row;
    command.rows = 4;
    f.add(command);
  };
  add(y, out, NormalizePart::kAll, 0);
  add(band, band, NormalizePart::kMoments, 0);
  add(band, band, NormalizePart::kMoments, 2);
  add(band, band, NormalizePart::kApply, 0);
}

void add_grid_sample(File& f) {
  const uint32_t volume = f.view(kSlotArena, {1, 2, 4, 3, 2});
  const uint32_t grid = f.view(kSlotArena, {1, 2, 2, 3, 3});
  const uint32_t sampled = f.view(kSlotArena, {1, 2, 2, 3, 2});
  f.add(GridSampleCommand{Opcode::kGridSample, volume, sampled, grid, 1, 2, 0, {}});
}

/// Every command once, on small maps.
File make_file() {
  File f;
  f.bindings = {{0, 48, 0, 0}, {0, 32, 0, 0}};
  f.inputs = 1;
  const uint32_t x = f.view(kSlotArena, {1, 4, 4, 3});
  const uint32_t y = f.view(kSlotArena, {1, 4, 4, 2});
  const uint32_t out = f.view(kSlotFirstOutput, {1, 4, 4, 2});
  const uint32_t weights = f.view(kSlotConstants, {1 * 1 * 27 * 16});
  const uint32_t bias = f.view(kSlotConstants, {16});
  f.taps = {{-1, 0, 0, 0}, {0, 1, 3, 0}, {0, 0, 6, 0}, {0, 0, 0, 0}, {0, 0, 1, 0}};
  f.regions = {{0, 0, 1, 1, 4, 4, 0, 0, 1, 1, 0, 2, 3, kRegionPadded, 0, 0},
               {0, 0, 2, 2, 3, 2, 0, 0, 1, 1, 2, 1, 6, kRegionCropped, 0, 0},
               {0, 0, 1, 1, 4, 4, 0, 0, 1, 1, 3, 1, 1, kRegionPadded, 0, 0},
               {0, 0, 1, 1, 4, 4, 0, 0, 1, 1, 0, 2, 3, kRegionPerTap, 0, 0}};
  const auto relu = static_cast<uint32_t>(Unary::kRelu);
  const auto prelu = static_cast<uint32_t>(Unary::kPrelu);
  f.add(GemmTapsCommand{Opcode::kGemmTaps, x, y, weights, bias, kNone, bias, 27, 1, 1, 1, 0, 2,
                        prelu, 0, 0});
  f.add(GemmTapsCommand{Opcode::kGemmTaps, x, out, weights, bias, y, kNone, 27, 1, 1, 1, 3, 1, relu,
                        0, 0});
  const uint32_t depthwise = f.view(kSlotConstants, {4, 2});
  const uint32_t pair = f.view(kSlotConstants, {2});
  f.add(DepthwiseCommand{
      Opcode::kDepthwise, y, out, depthwise, pair, y, kNone, 2, 1, relu, 0, 0, {}});
  const uint32_t rows = f.view(kSlotConstants, {9 * 2});
  f.regions.push_back({0, 0, 1, 1, 4, 4, 0, 0, 1, 1, 0, 3, 3, kRegionPadded, 0, 0});
  f.add(PlanarTapsCommand{
      Opcode::kPlanarTaps, x, y, rows, pair, out, pair, 9, 4, 1, prelu, 0, 0, {}});
  f.ops = {{kOpUnary, relu, 0, 0, 0, 0, 0, 0}, {kOpBinary, 0, 2, 1, 0, 0, 0, 0}};
  f.add(
      ElementwiseCommand{Opcode::kElementwise, y, 2, y, out, kNone, kNone, kNone, kNone, 0, 2, {}});
  f.add(CopyCommand{Opcode::kCopy, y, out, {}});
  const uint32_t input = f.view(kSlotFirstOutput + 1, {4, 3});
  f.add(CopyCommand{Opcode::kCopy, input, f.view(kSlotArena, {4, 3}), {}});
  f.add(FillCommand{Opcode::kFill, y, 0, {}});
  f.add(PoolCommand{Opcode::kPool, out, y, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, {}});
  const uint32_t sums = f.view(kSlotArena, {1, 4});
  f.add(ReduceCommand{Opcode::kReduce, y, sums, 0, {}});
  const uint32_t places = f.view(kSlotArena, {1, 4, 4});
  f.add(ArgReduceCommand{Opcode::kArgReduce, x, places, 1, 1, {}});
  f.add(CumulativeCommand{Opcode::kCumulative, y, out, 1, 1, {}});
  add_normalizations(f, y, out, pair);
  f.add(SoftmaxCommand{Opcode::kSoftmax, out, y, 0, {}});
  const uint32_t large = f.view(kSlotArena, {1, 6, 4, 2});
  const uint32_t halves = f.view(kSlotConstants, {12});
  f.indices = {0, 1, 1, 2, 3, 3, 0, 0, 2, 1, 3, 0};
  f.add(ResizeCommand{Opcode::kResize, y, large, 2, 0, 0, 0, halves, kNone, {}});
  add_products_and_tables(f);
  const uint32_t transformed = f.view(kSlotConstants, {3 * 3 * 3 * 16});
  const uint32_t kernel = f.view(kSlotArena, {4 * 4 * 3 * 16});
  const uint32_t tiles = f.view(kSlotArena, {4 * 4 * 3 * 16 + 2 * (4 * 4 * (3 + 16) + 32)});
  f.taps.push_back({0, 0, 0, 0});
  for (const uint32_t memory : {tiles, kernel}) {
    const auto first = static_cast<uint32_t>(f.regions.size());
    const auto tap = static_cast<uint32_t>(f.taps.size() - 1);
    for (int32_t column : {0, 1}) {
      f.regions.push_back(
          {0, column, 1, 2, 4, 2, -1, column - 2, 1, 2, tap, 1, 3, kRegionPadded, 0, 0});
    }
    f.add(WinogradCommand{Opcode::kWinograd, x, y, transformed, bias, out, bias, memory, 2, 3, 3,
                          first, 2, prelu, 0, 0});
  }
  add_stored_weights(f, x, y, tiles);
  add_grid_sample(f);
  return f;
}

/// Validates; runs what passes. Returns the error, or "".
std::string try_program(const std::vector<std::byte>& bytes, ThreadPool& pool, std::byte* workspace,
                        const Kernels& kernels) {
  const Exact file(bytes.size());
  if (!bytes.empty()) std::memcpy(file.data.get(), bytes.data(), bytes.size());
  Program program{};
  if (const auto error = load_program({file.data.get(), bytes.size()}, program)) {
    return error->kind == ProgramError::Kind::kVersion ? "version" : error->message;
  }
  // Memory safety is the question here, not patience or the size of this machine.
  if (program.arena_bytes > (1u << 24)) return "";
  for (const ViewRecord& view : program.views) {
    uint64_t elements = 1;
    for (uint32_t d = 0; d < 6; d++) elements *= (&view.dim0)[d];
    if (elements > (1u << 20)) return "";
  }
  for (const RegionRecord& region : program.regions) {
    if (uint64_t{region.count_y} * region.count_x > (1u << 16)) return "";
  }
  for (size_t at = 0; at < program.commands.size(); at += kCommandBytes) {
    PoolCommand command;
    std::memcpy(&command, program.commands.data() + at, sizeof(command));
    if (command.opcode == Opcode::kPool && (command.kernel_y > 64 || command.kernel_x > 64))
      return "";
  }
  const Exact arena(program.arena_bytes);
  std::vector<Exact> memory;
  std::vector<float*> inputs;
  std::vector<float*> outputs;
  for (uint32_t i = 0; i < program.output_count; i++) {
    if (output_bytes(program, i) > (1u << 24)) return "";
    memory.emplace_back(output_bytes(program, i));
    outputs.push_back(reinterpret_cast<float*>(memory.back().data.get()));
  }
  for (uint32_t i = 0; i < program.input_count; i++) {
    inputs.push_back(reinterpret_cast<float*>(arena.data.get() + program.bindings[i].offset_bytes));
  }
  const std::atomic<bool> aborted{false};
  IndexFault fault;
  execute({program, arena.data.get(), outputs.data(), &workspace, pool, kernels, aborted, fault,
           nullptr, inputs.data()},
          nullptr);
  return "";
}

void restore_checksum(std::vector<std::byte>& bytes) {
  const uint32_t sum = crc32(std::span(bytes).subspan(sizeof(HeaderRecord)));
  std::memcpy(bytes.data() + offsetof(HeaderRecord, checksum), &sum, 4);
}

/// A region of no taps (bias only) still names a place in their section.
template <typename Attempt>
void check_untapped(File file, Attempt&& attempt) {
  file.regions.front().tap_count = 0;
  CHECK(attempt(file.write()).empty(), "a region of no taps");
  file.regions.front().tap_first = 0xffffffff;
  CHECK(attempt(file.write()).find("taps lie outside") != std::string::npos,
        "a region of no taps, far outside their section");
}

}  // namespace

int main() {
  const Kernels* sets[8];
  const size_t set_count = available_kernels(sets, 8);
  size_t turn = 0;
  ThreadPool pool(1);
  const Exact workspace(kWorkspaceBytes);
  const auto attempt = [&](const std::vector<std::byte>& bytes) {
    return try_program(bytes, pool, workspace.data.get(), *sets[turn++ % set_count]);
  };
  const File file = make_file();
  const std::vector<std::byte> good = file.write();
  const std::string problem = attempt(good);
  CHECK(problem.empty(), "the valid program: %s", problem.c_str());
  CHECK(crc32(std::as_bytes(std::span("123456789", 9))) == 0xcbf43926u, "crc32");

  // Damage without a new checksum is always found.
  for (size_t at = 0; at < good.size(); at += 13) {
    std::vector<std::byte> bytes = good;
    bytes[at] ^= std::byte{0x20};
    const bool in_header_sizes = at < sizeof(HeaderRecord);
    CHECK(in_header_sizes || !attempt(bytes).empty(), "byte %zu was damaged unnoticed", at);
  }
  std::vector<std::byte> other = good;
  other[4] ^= std::byte{1};
  CHECK(attempt(other) == "version", "a file of another format");
  for (size_t size = 0; size < good.size(); size += 31) {
    CHECK(!attempt({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}).empty(),
          "%zu bytes", size);
  }

  check_untapped(file, attempt);

  // One word at a time, every word of the tables; then several words at once.
  const size_t words = good.size() / 4 - file.constant_bytes / 4;
  size_t accepted = 0;
  const auto mutate = [&](std::vector<std::byte>& bytes, size_t word, size_t how) {
    uint32_t value;
    std::memcpy(&value, bytes.data() + word * 4, 4);
    const uint32_t values[kMutations] = {0,          1,          2,          3,
                                         0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe,
                                         value + 1,  value - 1,  value * 2,  value + 64};
    std::memcpy(bytes.data() + word * 4, &values[how], 4);
  };
  const auto try_mutated = [&](std::vector<std::byte> bytes) {
    restore_checksum(bytes);
    accepted += attempt(bytes).empty() ? 1 : 0;
    checks++;
  };
  for (size_t i = 0; i < words * kMutations; i++) {
    std::vector<std::byte> bytes = good;
    mutate(bytes, i / kMutations, i % kMutations);
    try_mutated(std::move(bytes));
  }
  Random random(3);
  for (size_t i = 0; i < 50'000; i++) {
    std::vector<std::byte> bytes = good;
    const uint32_t first =
        sizeof(HeaderRecord) / 4;  // the sizes in the header allow hardly any change
    for (uint32_t left = random.between(2, 4); left > 0; left--) {
      mutate(bytes, random.between(first, static_cast<uint32_t>(words) - 1),
             random.below(kMutations));
    }
    try_mutated(std::move(bytes));
  }
  std::printf("%zu mutations accepted\n", accepted);
  return summary();
}
