// What a command sees while it runs: the validated program, the memory it may touch, the threads.
//
// Nothing here knows Node. Everything is set up at open; running allocates nothing.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "native/cpu/thread_pool.h"
#include "native/cpu/weight_reader.h"
#include "native/program/tables.h"
#include "native/program/timeline.h"

namespace untangle {

struct Kernels;  // native/cpu/kernels/kernels.h: function pointers of the chosen instruction set

/// One run. `pool.parallel_for` is the only way to use more than one thread.
struct Execution {
  const Program& program;
  std::byte* arena;
  float* const* outputs;        // one per output binding
  std::byte* const* workspace;  // one per thread of the pool: kWorkspaceBytes, 64-byte aligned
  ThreadPool& pool;
  const Kernels& kernels;
  const std::atomic<bool>& aborted;
  IndexFault& fault;
  std::atomic<uint32_t>* commands_done = nullptr;  // counts up; for those who watch
  /// One per input binding: the caller's memory, or a copy in the arena.
  const float* const* inputs = nullptr;
  /// For programs with loads; without one, weights that are in memory are copied at once.
  WeightReader* reader = nullptr;
};

/// The memory of a slot. Constants and inputs are never written: the validator refuses such
/// programs.
inline std::byte* slot_memory(const Execution& run, uint32_t slot) {
  const auto writable = [](const float* data) {
    return const_cast<std::byte*>(reinterpret_cast<const std::byte*>(data));
  };
  if (slot == kSlotArena) return run.arena;
  if (slot == kSlotConstants) return writable(run.program.constants.data());
  const uint32_t output = slot - kSlotFirstOutput;
  if (output < run.program.output_count) return reinterpret_cast<std::byte*>(run.outputs[output]);
  return writable(run.inputs[output - run.program.output_count]);
}

/// Resolves a view index; `index` must not be kNone.
inline ResolvedView resolve(const Execution& run, uint32_t index) {
  const ViewRecord& view = run.program.views[index];
  return {reinterpret_cast<float*>(slot_memory(run, view.slot) + view.offset_bytes), view.rank,
          &view.dim0, &view.stride0};
}

// Larger outputs leave the caches before the caller reads them: written past the caches, their
// lines need not be read first, and planes that lie a power of two apart do not meet in few sets.
inline constexpr size_t kStreamedFloats = 262144;

/// Whether a view is for the caller, and so mostly not for a later command, and large.
inline bool leaves(const Execution& run, uint32_t index) {
  return run.program.views[index].slot >= kSlotFirstOutput &&
         elements(resolve(run, index)) >= kStreamedFloats;
}

// One function per command; cpu/<command>.cc.
void run_gemm_taps(const GemmTapsCommand& command, const Execution& run);
void run_planar_taps(const PlanarTapsCommand& command, const Execution& run);
void run_winograd(const WinogradCommand& command, const Execution& run);
void run_depthwise(const DepthwiseCommand& command, const Execution& run);
void run_elementwise(const ElementwiseCommand& command, const Execution& run);
void run_copy(const CopyCommand& command, const Execution& run);
void run_widen(const WidenCommand& command, const Execution& run);
void run_fill(const FillCommand& command, const Execution& run);
void run_pool(const PoolCommand& command, const Execution& run);
void run_reduce(const ReduceCommand& command, const Execution& run);
void run_arg_reduce(const ArgReduceCommand& command, const Execution& run);
void run_cumulative(const CumulativeCommand& command, const Execution& run);
void run_normalize(const NormalizeCommand& command, const Execution& run);
void run_softmax(const SoftmaxCommand& command, const Execution& run);
void run_resize(const ResizeCommand& command, const Execution& run);
void run_matmul(const MatmulCommand& command, const Execution& run);
void run_grid_sample(const GridSampleCommand& command, const Execution& run);
void run_gather(const GatherCommand& command, const Execution& run);
void run_gather_indexed(const GatherIndexedCommand& command, const Execution& run);
void run_scatter_indexed(const ScatterIndexedCommand& command, const Execution& run);

/// Commands [first, last) of a program.
struct CommandRange {
  size_t first;
  size_t last;
};

inline CommandRange all_commands(const Program& program) { return {0, command_count(program)}; }

/// The commands that copy the inputs into the arena, where these come first and nothing else reads
/// inputs; else none.
CommandRange input_copies(const Program& program);

/// Runs commands in order. Returns false when it ended early: `aborted` was set, a command left
/// a fault, or streamed weights could not be read. `timeline`, when not null, receives the times of
/// commands and threads.
bool execute(const Execution& run, CommandRange range, Timeline* timeline);
inline bool execute(const Execution& run, Timeline* timeline) {
  return execute(run, all_commands(run.program), timeline);
}

}  // namespace untangle
