// Sessions on a GPU: whole runs as batches and as graphs, memory, aborts; and, on the emulated
// device, every call of the driver failing in turn.

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "native/gpu/tiles.h"
#include "native/test/gpu_run.h"

using namespace untangle;
using namespace untangle::test;

namespace {

constexpr uint32_t kElements = 300;
constexpr uint32_t kCommands = 40;  // several batches

ViewRecord flat_view(uint32_t slot, uint32_t offset_bytes) {
  return {slot, offset_bytes, 1, 0, kElements, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
}

/// y = x + kCommands, one at a time, back and forth between two places of the arena.
class Counting {
 public:
  Counting() {
    const auto one = std::bit_cast<uint32_t>(1.0f);
    ops_ = {{kOpUnary, static_cast<uint32_t>(Unary::kAffine), 0, 0, one, one, 0, 0}};
    const uint32_t place = kElements * sizeof(float);
    enum : uint32_t { kOutput = 2, kInput };
    views_ = {flat_view(kSlotArena, 0), flat_view(kSlotArena, place),
              flat_view(kSlotFirstOutput, 0), flat_view(kSlotFirstOutput + 1, 0)};
    for (uint32_t i = 0; i < kCommands; i++) {
      const uint32_t from = i == 0 ? kInput : i % 2;
      const uint32_t to = i + 1 < kCommands ? (i + 1) % 2 : kOutput;
      const ElementwiseCommand command = {
          Opcode::kElementwise, to, 1, from, kNone, kNone, kNone, kNone, kNone, 0, 1, {}};
      const auto* bytes = reinterpret_cast<const std::byte*>(&command);
      commands_.insert(commands_.end(), bytes, bytes + kCommandBytes);
    }
    bindings_ = {{0, kElements, 0, 0}, {0, kElements, 0, 0}};
    program_ = {bindings_, views_, commands_, {}, {}, ops_, {}, {}, 1, 1, 2 * place};
  }

  const Program& program() const { return program_; }

  /// Runs once with inputs that begin with `first` and checks the outputs.
  bool run(gpu::GpuSession& session, float first, Timeline* timeline = nullptr) const {
    std::vector<float> x(kElements), y(kElements, -1);
    for (uint32_t i = 0; i < kElements; i++) x[i] = first + static_cast<float>(i);
    const float* inputs[] = {x.data()};
    float* outputs[] = {y.data()};
    session.take_inputs(inputs);
    const std::atomic<bool> aborted{false};
    IndexFault fault;
    std::atomic<uint32_t> done{0};
    if (!session.run(outputs, {aborted, fault, timeline, &done})) return false;
    for (uint32_t i = 0; i < kElements; i++) {
      if (y[i] != x[i] + static_cast<float>(kCommands)) return false;
    }
    return done == kCommands;
  }

 private:
  std::vector<BindingRecord> bindings_;
  std::vector<ViewRecord> views_;
  std::vector<std::byte> commands_;
  std::vector<OpRecord> ops_;
  Program program_{};
};

void check_runs(const std::shared_ptr<const gpu::Device>& device) {
  const Counting counting;
  gpu::GpuSession session(device, counting.program());
  for (int i = 0; i < 4; i++) {
    CHECK(counting.run(session, static_cast<float>(i)), "run %d", i);
  }
  Timeline timeline(kCommands, 1);
  CHECK(counting.run(session, 7, &timeline), "a profiled run");
  for (size_t i = 0; i < kCommands; i++) {
    CHECK(timeline.times_ms()[i] >= 0, "the time of command %zu", i);
    if (i > 0) CHECK(timeline.starts_ms()[i] >= timeline.starts_ms()[i - 1], "its start");
  }

  const std::atomic<bool> aborted{true};
  IndexFault fault;
  CHECK(!session.run(nullptr, {aborted, fault}), "an aborted run");
  CHECK(counting.run(session, 9), "the run after it");
}

/// What a session says it takes is what the driver misses.
void check_memory(const std::shared_ptr<const gpu::Device>& device) {
  const Counting counting;
  Program program = counting.program();
  program.arena_bytes = 300 << 20;
  device->make_current();
  const auto free_bytes = [&] {
    size_t free = 0, total = 0;
    gpu::check(device->driver(), "cuMemGetInfo", device->driver().memory_info(&free, &total));
    return static_cast<double>(free);
  };
  const double before = free_bytes();
  const gpu::GpuSession session(device, program);
  const double taken = before - free_bytes();
  const auto counted = static_cast<double>(session.device_bytes());
  CHECK(counted > 0.98 * taken && counted < 1.02 * taken, "%g bytes counted, %g taken", counted,
        taken);
}

/// Where the host's memory is the device's, tensors that are read or written once lie in pinned
/// memory alone, and are counted once.
void check_mapping() {
  const Counting counting;
  gpu::DeviceInfo device;
  device.multiprocessors = 16;
  const auto layout = [&](const Program& program) {
    return gpu::layout_program(program, device, gpu::Precision::kF32);
  };
  Program program = counting.program();
  std::vector<BindingRecord> bindings(program.bindings.begin(), program.bindings.end());
  constexpr uint32_t kLarge = 3 << 20;  // floats: pages of their own
  bindings[1].elements = kLarge;
  program.bindings = bindings;
  const gpu::DeviceLayout copied = layout(program);
  device.maps_host_memory = device.can_map_host_memory = true;
  const gpu::DeviceLayout mapped = layout(program);
  CHECK(!copied.inputs[0].is_mapped && !copied.outputs[0].is_mapped, "memory of its own");
  CHECK(mapped.inputs[0].is_mapped && mapped.outputs[0].is_mapped, "the host's memory");
  CHECK(copied.device_bytes - mapped.device_bytes == kLarge * sizeof(float), "%zu and %zu bytes",
        copied.device_bytes, mapped.device_bytes);
  CHECK(copied.host_bytes == mapped.host_bytes, "pinned memory");
  // An input that two commands read stays on the device.
  std::vector<std::byte> commands(program.commands.begin(), program.commands.end());
  commands.insert(commands.end(), commands.begin(), commands.begin() + kCommandBytes);
  program.commands = commands;
  const gpu::DeviceLayout read_twice = layout(program);
  CHECK(!read_twice.inputs[0].is_mapped && read_twice.outputs[0].is_mapped, "read twice");
}

/// The emulator's own functions.
struct EmulatorControl {
  void (*fail)(long, int);
  long (*calls)();
  size_t (*live)();
  const char* (*failed)();

  explicit EmulatorControl(const std::string& path) {
    void* library = dlopen(path.c_str(), RTLD_NOW);
    fail = reinterpret_cast<void (*)(long, int)>(dlsym(library, "untangle_emulator_fail"));
    calls = reinterpret_cast<long (*)()>(dlsym(library, "untangle_emulator_calls"));
    live = reinterpret_cast<size_t (*)()>(dlsym(library, "untangle_emulator_live"));
    failed = reinterpret_cast<const char* (*)()>(dlsym(library, "untangle_emulator_failed"));
  }
};

/// A session from its opening to its end: a run in batches, one as a graph, one more.
void whole_life(const std::string& path) {
  const Counting counting;
  gpu::GpuSession session(gpu::Device::open(path), counting.program());
  for (int i = 0; i < 3; i++) {
    try {
      CHECK(counting.run(session, static_cast<float>(i)), "run %d of a whole life", i);
    } catch (const gpu::GpuFailure& failure) {
      if (!session.device().is_lost())
        CHECK(counting.run(session, 5), "a run after %s", failure.what());
      throw;
    }
  }
}

/// Whoever gives something back cannot be told that it failed.
bool gives_back(const std::string& name) {
  const char* const words[] = {"Destroy", "Free", "Unload", "Release", "SetCurrent"};
  return std::any_of(std::begin(words), std::end(words),
                     [&](const char* word) { return name.find(word) != std::string::npos; });
}

/// Every call fails once, with `status`: an exception, nothing left behind, and the next session
/// works.
void check_failures(const std::string& path, int status) {
  const EmulatorControl emulator(path);
  CHECK(emulator.live() == 0, "%zu objects before", emulator.live());
  const long first = emulator.calls();
  whole_life(path);
  const long calls = emulator.calls() - first;
  for (long call = 1; call <= calls; call++) {
    emulator.fail(call, status);
    bool failed = false;
    try {
      whole_life(path);
    } catch (const gpu::GpuFailure& failure) {
      failed = failure.status() == status;
    }
    CHECK(failed || gives_back(emulator.failed()), "%s, call %ld of %ld, failed unseen",
          emulator.failed(), call, calls);
    CHECK(emulator.live() == 0, "%zu objects left after call %ld failed", emulator.live(), call);
    emulator.fail(0, 0);
    whole_life(path);
  }
  std::printf("%ld calls made to fail with %d\n", calls, status);
}

/// Every tile is somebody's best, and small maps are split.
void check_tiles() {
  const auto choose = [](uint32_t pixels, uint32_t steps, uint32_t columns,
                         gpu::Precision precision = gpu::Precision::kF32) {
    const gpu::RegionProduct region{pixels, steps};
    return gpu::choose_tile({&region, 1}, columns, 1, 16, precision);
  };
  CHECK(choose(1 << 16, 64, 256).shape->columns == 128, "a large product");
  CHECK(choose(1 << 16, 64, 12).shape->columns == 16, "few columns");
  CHECK(choose(16, 1024, 512).shape->rows == 16, "few pixels");
  CHECK(choose(16, 1024, 512).splits > 1, "few pixels, many channels");
  CHECK(choose(1 << 16, 64, 256).splits == 1, "a large product is not split");
  for (const auto precision : {gpu::Precision::kTf32, gpu::Precision::kF16}) {
    CHECK(choose(1 << 16, 64, 256, precision).shape->precision == precision, "tensor cores");
  }
}

}  // namespace

int main() {
  check_tiles();
  check_mapping();
  if (!test_device()) {
    std::printf("skipped: UNTANGLE_CUDA_DRIVER names no driver to test on\n");
    return summary();
  }
  const std::string path = test_device()->driver().path;
  const bool is_emulated = test_device()->driver().is_emulated;
  check_runs(test_device());
  check_memory(test_device());
  if (!is_emulated) return summary();
  release_test_device();
  for (const int status : {2, 719}) check_failures(path, status);
  // The same on a device that shares the host's memory.
  setenv("UNTANGLE_EMULATOR_INTEGRATED", "1", 1);
  CHECK(test_device()->info().maps_host_memory, "an integrated GPU");
  check_runs(test_device());
  check_memory(test_device());
  release_test_device();
  check_failures(path, 2);
  return summary();
}
