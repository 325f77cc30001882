// libFuzzer: whatever a program file holds, the validator refuses it or the executor stays inside
// its memory.
//
// Arena, inputs, outputs and constants are blocks of exactly their size, so that AddressSanitizer
// sees the first byte outside. The header's checksum, hash and size are made right here: a file
// that fails only there would teach nothing.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"
#include "native/fuzz/program_parts.h"
#include "native/fuzz/work.h"
#include "native/gpu/plan.h"
#include "native/program/crc32.h"
#include "native/program/program.h"

namespace untangle::fuzz {
namespace {

/// What one execution may hold and do; larger programs are only validated.
constexpr uint64_t kMaxMemoryBytes = 1 << 20;
constexpr uint64_t kMaxWork = 1 << 20;
constexpr size_t kMaxPlannedRegions = 4096;

/// Memory as the session allocates it: 64-byte aligned, and no byte longer than asked for.
class ExactBlock {
 public:
  explicit ExactBlock(size_t bytes) {
    if (posix_memalign(&data_, kSectionAlignment, bytes > 0 ? bytes : 1) != 0) std::abort();
    std::memset(data_, 0, bytes);
  }
  ~ExactBlock() { std::free(data_); }
  ExactBlock(const ExactBlock&) = delete;
  ExactBlock& operator=(const ExactBlock&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  void* data_ = nullptr;
};

/// Every instruction set of this machine in turn: kernels differ in what they read.
const Kernels& pick_kernels(std::span<const std::byte> file) {
  static const Kernels* all[8];
  static const size_t count = available_kernels(all, std::size(all));
  return *all[crc32(file) % count];
}

uint64_t binding_bytes(const BindingRecord& binding) {
  return uint64_t{binding.elements} * sizeof(float);
}

bool is_small(const Program& program) {
  uint64_t bytes = program.arena_bytes;
  for (const BindingRecord& binding : program.bindings) bytes += binding_bytes(binding);
  return bytes <= kMaxMemoryBytes && work_of(program) <= kMaxWork;
}

void run(Program program, const Kernels& kernels) {
  static ThreadPool pool(1);
  const ExactBlock arena(program.arena_bytes);
  const ExactBlock constants(program.constants.size_bytes());
  const ExactBlock streamed(program.streamed.size());
  if (!program.streamed.empty())
    std::memcpy(streamed.data(), program.streamed.data(), program.streamed.size());
  program.streamed = {streamed.data(), program.streamed.size()};
  if (!program.constants.empty()) {
    std::memcpy(constants.data(), program.constants.data(), program.constants.size_bytes());
  }
  program.constants = {reinterpret_cast<const float*>(constants.data()), program.constants.size()};
  static const ExactBlock workspace(kWorkspaceBytes);
  std::vector<std::unique_ptr<ExactBlock>> blocks;
  std::vector<float*> bound;  // inputs, then outputs
  for (const BindingRecord& binding : program.bindings) {
    blocks.push_back(std::make_unique<ExactBlock>(binding_bytes(binding)));
    bound.push_back(reinterpret_cast<float*>(blocks.back()->data()));
  }
  std::byte* const workspaces[] = {workspace.data()};
  const std::atomic<bool> aborted = false;
  IndexFault fault;
  execute({.program = program,
           .arena = arena.data(),
           .outputs = bound.data() + program.input_count,
           .workspace = workspaces,
           .pool = pool,
           .kernels = kernels,
           .aborted = aborted,
           .fault = fault,
           .inputs = bound.data()},
          nullptr);
}

/// Lays the program out for a GPU: sizes and launches have to be worked out from whatever it says.
void plan_for_gpu(const Program& program) {
  gpu::DeviceInfo device;
  device.multiprocessors = 16;
  device.compute_major = 8;
  device.has_cublas = true;
  device.maps_host_memory = device.can_map_host_memory = true;
  try {
    gpu::layout_program(program, device, gpu::Precision::kF16);
  } catch (const gpu::NoKernel&) {
    // It has commands of the CPU, or launches that no GPU has.
  }
}

}  // namespace
}  // namespace untangle::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace untangle;
  using namespace untangle::fuzz;
  if (size < sizeof(HeaderRecord)) return -1;
  const ExactBlock file(size);
  std::memcpy(file.data(), data, size);
  const std::span<std::byte> bytes(file.data(), size);
  repair_header(bytes);
  Program program;
  if (load_program(bytes, program)) return 0;
  if (program.regions.size() <= kMaxPlannedRegions) plan_for_gpu(program);
  if (is_small(program)) run(program, pick_kernels(bytes));
  return 0;
}
