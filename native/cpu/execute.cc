// The loop over a program's commands: nothing is decided here.

#include <cstring>

#include "native/cpu/execution.h"

namespace untangle {
namespace {

void run_load(const LoadCommand& command, const Execution& run) {
  if (run.reader != nullptr) return run.reader->start(command);
  const size_t start = size_t{command.first_word} * 4;
  if (run.program.streamed.empty()) return;  // nobody opens a program without a reader for its file
  std::memcpy(run.arena + command.offset_bytes, run.program.streamed.data() + start, command.bytes);
}

void run_command(const std::byte* command, const Execution& run) {
  switch (as<Opcode>(command)) {  // no default: -Wswitch keeps this list complete
    case Opcode::kGemmTaps:
      return run_gemm_taps(as<GemmTapsCommand>(command), run);
    case Opcode::kPlanarTaps:
      return run_planar_taps(as<PlanarTapsCommand>(command), run);
    case Opcode::kWinograd:
      return run_winograd(as<WinogradCommand>(command), run);
    case Opcode::kDepthwise:
      return run_depthwise(as<DepthwiseCommand>(command), run);
    case Opcode::kElementwise:
      return run_elementwise(as<ElementwiseCommand>(command), run);
    case Opcode::kCopy:
      return run_copy(as<CopyCommand>(command), run);
    case Opcode::kWiden:
      return run_widen(as<WidenCommand>(command), run);
    case Opcode::kFill:
      return run_fill(as<FillCommand>(command), run);
    case Opcode::kPool:
      return run_pool(as<PoolCommand>(command), run);
    case Opcode::kReduce:
      return run_reduce(as<ReduceCommand>(command), run);
    case Opcode::kArgReduce:
      return run_arg_reduce(as<ArgReduceCommand>(command), run);
    case Opcode::kCumulative:
      return run_cumulative(as<CumulativeCommand>(command), run);
    case Opcode::kNormalize:
      return run_normalize(as<NormalizeCommand>(command), run);
    case Opcode::kSoftmax:
      return run_softmax(as<SoftmaxCommand>(command), run);
    case Opcode::kResize:
      return run_resize(as<ResizeCommand>(command), run);
    case Opcode::kMatmul:
      return run_matmul(as<MatmulCommand>(command), run);
    case Opcode::kGridSample:
      return run_grid_sample(as<GridSampleCommand>(command), run);
    case Opcode::kGather:
      return run_gather(as<GatherCommand>(command), run);
    case Opcode::kGatherIndexed:
      return run_gather_indexed(as<GatherIndexedCommand>(command), run);
    case Opcode::kScatterIndexed:
      return run_scatter_indexed(as<ScatterIndexedCommand>(command), run);
    case Opcode::kLoad:
      return run_load(as<LoadCommand>(command), run);
  }
}

/// Lets the reader work for as long as commands run.
class Reading {
 public:
  Reading(WeightReader* reader, const std::atomic<bool>& aborted) : reader_(reader) {
    if (reader_ != nullptr) reader_->begin(aborted);
  }
  ~Reading() {
    if (reader_ != nullptr) reader_->end();
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  WeightReader* reader_;
};

/// Waits for the weights that a command touches; false when they do not come.
bool await_weights(const Execution& run, size_t index) {
  if (run.reader == nullptr || run.program.loads_awaited.empty()) return true;
  const uint32_t loads = run.program.loads_awaited[index];
  return loads == 0 || run.reader->wait(loads);
}

}  // namespace

CommandRange input_copies(const Program& program) {
  for (size_t i = 0; i < program.input_commands; i++) {
    if (as<Opcode>(program.commands.data() + i * kCommandBytes) != Opcode::kCopy) return {0, 0};
  }
  return {0, program.input_commands};
}

namespace {

bool execute_commands(const Execution& run, CommandRange range, Timeline* timeline) {
  const Reading reading(run.reader, run.aborted);
  for (size_t index = range.first; index < range.last; index++) {
    if (run.aborted.load(std::memory_order_relaxed)) return false;
    if (timeline != nullptr) timeline->begin_command(index);
    if (!await_weights(run, index)) return false;
    run_command(run.program.commands.data() + index * kCommandBytes, run);
    if (run.fault.found) {
      run.fault.command = index;
      return false;
    }
    if (run.commands_done != nullptr) {
      run.commands_done->fetch_add(1, std::memory_order_relaxed);
    }
    if (timeline != nullptr) timeline->end_command(index);
  }
  return !run.aborted.load(std::memory_order_relaxed);
}

}  // namespace

bool execute(const Execution& run, CommandRange range, Timeline* timeline) {
  if (timeline == nullptr) return execute_commands(run, range, nullptr);
  run.pool.record_into(timeline);
  const bool finished = execute_commands(run, range, timeline);
  run.pool.record_into(nullptr);
  return finished;
}

}  // namespace untangle
