// From a program to launches: memory first, then command by command.

#include "native/gpu/planner.h"

#include <algorithm>
#include <optional>
#include <string>

namespace untangle::gpu {

namespace {

// Rows of four floats, and whatever the device likes to find aligned.
constexpr size_t kAlignment = 256;

/// What a command is called that GPUs have no kernel for; null for all others.
constexpr const char* cpu_command(Opcode opcode) {
  for (const CpuCommand& command : kCpuCommands) {
    if (command.opcode == opcode) return command.name;
  }
  return nullptr;
}

// The driver hands out device memory in pages of this size; a smaller block takes a whole one.
constexpr size_t kDevicePage = size_t{2} << 20;

size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

/// Things one after the other in a block of memory.
class Places {
 public:
  size_t place(size_t bytes) {
    const size_t start = end_;
    end_ = round_up(end_ + bytes, kAlignment);
    return start;
  }
  size_t end() const { return end_; }

 private:
  size_t end_ = 0;
};

size_t binding_bytes(const Program& program, uint32_t index) {
  return size_t{program.bindings[index].elements} * sizeof(float);
}

}  // namespace

LoopNest collapse(std::span<const DeviceView> views) {
  return untangle::collapse(std::vector<ResolvedView>(views.begin(), views.end()));
}

LoopNest collapse(std::span<const DeviceView> views, size_t first, size_t end) {
  return untangle::collapse(std::vector<ResolvedView>(views.begin(), views.end()), first, end);
}

Nest make_nest(const LoopNest& nest, std::span<const DeviceView> views) {
  Nest result{};
  result.rank = static_cast<uint32_t>(nest.rank);
  result.count = static_cast<uint32_t>(nest.count(nest.rank));
  for (size_t d = 0; d < nest.rank; d++) {
    result.dims[d] = static_cast<uint32_t>(nest.dims[d]);
    for (size_t v = 0; v < views.size(); v++) {
      result.strides[v][d] = static_cast<int32_t>(nest.strides[v][d]);
    }
  }
  for (size_t v = 0; v < views.size(); v++) result.values[v] = views[v].values();
  return result;
}

DevicePointer Planner::address(const ViewRecord& view) {
  const DeviceLayout& layout = plan_.layout;
  if (view.slot == kSlotArena)
    return bases_.memory + layout.arena + layout.arena_place(view.offset_bytes);
  if (view.slot != kSlotConstants) {
    const size_t offset =
        is_in_arena(view) ? layout.arena_place(view.offset_bytes) : view.offset_bytes;
    return port_address(view.slot - kSlotFirstOutput) + offset;
  }
  const size_t first = view.offset_bytes / sizeof(float);
  return bases_.memory + run_of(layout.constants, first).offset(first);
}

DeviceView Planner::resolve(uint32_t index) { return resolve_as(index, ViewUse::kValues); }

DeviceView Planner::operand(uint32_t index) { return resolve_as(index, ViewUse::kOperand); }

DeviceView Planner::resolve_as(uint32_t index, ViewUse use) {
  const ViewRecord& view = program_.views[index];
  view_uses_[index] = std::max(view_uses_[index], use);
  const bool is_half =
      view.slot == kSlotConstants
          ? run_of(plan_.layout.constants, view.offset_bytes / sizeof(float)).is_half
          : plan_.layout.has_half_arena && is_in_arena(view);
  return {{reinterpret_cast<float*>(address(view)), view.rank, &view.dim0, &view.stride0}, is_half};
}

bool Planner::is_in_arena(const ViewRecord& view) const {
  if (view.slot == kSlotArena) return true;
  const uint32_t first_input = kSlotFirstOutput + program_.output_count;
  return view.slot != kSlotConstants && view.slot >= first_input &&
         !plan_.layout.inputs[view.slot - first_input].is_mapped;
}

void Planner::keep_floats(uint32_t index) {
  needs_floats_ = needs_floats_ || is_in_arena(program_.views[index]);
}

const float* Planner::flat(uint32_t index) {
  if (index == kNone) return nullptr;
  keep_floats(index);
  return resolve(index).data;
}

float* Planner::float_scratch(uint32_t index) {
  const DeviceView view = resolve(index);
  if (!view.is_half) return view.data;
  const uint32_t offset = program_.views[index].offset_bytes;
  const size_t bytes = elements(view) * sizeof(float);
  std::vector<FloatBlock>& blocks = plan_.layout.float_blocks;
  const auto found = std::find_if(blocks.begin(), blocks.end(), [offset](const FloatBlock& block) {
    return block.arena_offset == offset;
  });
  if (found == blocks.end()) {
    blocks.push_back({offset, bytes, 0});
    return at<float>(0);
  }
  found->bytes = std::max(found->bytes, bytes);
  return at<float>(found->device);
}

DevicePointer Planner::port_address(uint32_t slot) {
  Users& users = users_[slot];
  if (users.count == 0 || users.last != command_) users.count++;
  users.last = command_;
  const DeviceLayout& layout = plan_.layout;
  const Transfer& port = slot < program_.output_count ? layout.outputs[slot]
                                                      : layout.inputs[slot - program_.output_count];
  return port.is_mapped ? bases_.pinned + port.host : bases_.memory + port.device;
}

bool Planner::is_streamed(uint32_t slot) const {
  if (users_[slot].count != 1) return false;
  const std::byte* command = program_.commands.data() + size_t{users_[slot].last} * kCommandBytes;
  const bool is_output = slot < program_.output_count;
  switch (as<Opcode>(command)) {
    case Opcode::kCopy:
    case Opcode::kElementwise:
      return true;
    case Opcode::kDepthwise:
    case Opcode::kPlanarTaps:
    case Opcode::kWinograd:
      return is_output;
    case Opcode::kGemmTaps: {
      const auto& taps = as<GemmTapsCommand>(command);
      const auto regions = program_.regions.subspan(taps.region_first, taps.region_count);
      return is_output && std::none_of(regions.begin(), regions.end(), is_swept);
    }
    default:
      return false;
  }
}

Map Planner::map(uint32_t index) {
  if (index == kNone) return {};
  const DeviceView view = resolve(index);
  const auto dim = [&](size_t d) { return static_cast<int32_t>(view.dims[d]); };
  return {view.values(),   dim(0),          dim(1),          dim(2),         dim(3),
          view.strides[0], view.strides[1], view.strides[2], view.strides[3]};
}

float* Planner::scratch(size_t floats) {
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, floats * sizeof(float));
  return at<float>(plan_.layout.scratch);
}

void Planner::check_grid(uint64_t blocks) const {
  constexpr uint64_t kMostBlocks = INT32_MAX;
  if (blocks <= kMostBlocks) return;
  throw NoKernel("launch of " + std::to_string(blocks) + " blocks (command " +
                 std::to_string(command_) + ")");
}

/// Brings inputs from pinned memory into an arena of halves.
void Planner::plan_arrivals() {
  for (const Transfer& input : plan_.layout.inputs) {
    if (!input.is_converted || input.bytes == 0) continue;
    CopyParams params{};
    params.nest.rank = 1;
    params.nest.count = params.nest.dims[0] = static_cast<uint32_t>(input.bytes / sizeof(float));
    params.nest.strides[0][0] = params.nest.strides[1][0] = 1;
    params.nest.values[0] = {at<void>(input.device), 1};
    params.nest.values[1] = {reinterpret_cast<void*>(bases_.pinned + input.host), 0};
    launch_over(Kernel::copy, params, params.nest.count);
  }
}

void Planner::plan_commands() {
  plan_arrivals();
  for (command_ = 0; command_ < command_count(program_); command_++) {
    plan_.first_step.push_back(static_cast<uint32_t>(plan_.steps.size()));
    plan_command(program_.commands.data() + size_t{command_} * kCommandBytes);
  }
  plan_.first_step.push_back(static_cast<uint32_t>(plan_.steps.size()));
}

void Planner::plan_command(const std::byte* command) {
  const char* refused = cpu_command(as<Opcode>(command));
  if (refused != nullptr) {
    throw NoKernel(std::string(refused) + " (command " + std::to_string(command_) + ")");
  }
  switch (as<Opcode>(command)) {  // no default: -Wswitch keeps this list complete
    case Opcode::kGemmTaps:
      return plan_gemm_taps(as<GemmTapsCommand>(command));
    case Opcode::kPlanarTaps:
      return plan_planar_taps(as<PlanarTapsCommand>(command));
    case Opcode::kWinograd:
      return plan_winograd(as<WinogradCommand>(command));
    case Opcode::kLoad:
      static_assert(cpu_command(Opcode::kLoad));
      return;
    case Opcode::kDepthwise:
      return plan_depthwise(as<DepthwiseCommand>(command));
    case Opcode::kElementwise:
      return plan_elementwise(as<ElementwiseCommand>(command));
    case Opcode::kCopy:
      return plan_copy(as<CopyCommand>(command));
    case Opcode::kWiden:  // made a copy before
      throw NoKernel("widen (command " + std::to_string(command_) + ")");
    case Opcode::kFill:
      return plan_fill(as<FillCommand>(command));
    case Opcode::kPool:
      return plan_pool(as<PoolCommand>(command));
    case Opcode::kReduce:
      return plan_reduce(as<ReduceCommand>(command));
    case Opcode::kArgReduce:
      return plan_arg_reduce(as<ArgReduceCommand>(command));
    case Opcode::kCumulative:
      return plan_cumulative(as<CumulativeCommand>(command));
    case Opcode::kNormalize:
      return plan_normalize(as<NormalizeCommand>(command));
    case Opcode::kSoftmax:
      return plan_softmax(as<SoftmaxCommand>(command));
    case Opcode::kResize:
      return plan_resize(as<ResizeCommand>(command));
    case Opcode::kMatmul:
      return plan_matmul(as<MatmulCommand>(command));
    case Opcode::kGridSample:
      return plan_grid_sample(as<GridSampleCommand>(command));
    case Opcode::kGather:
      return plan_gather(as<GatherCommand>(command));
    case Opcode::kGatherIndexed:
      return plan_gather_indexed(as<GatherIndexedCommand>(command));
    case Opcode::kScatterIndexed:
      return plan_scatter_indexed(as<ScatterIndexedCommand>(command));
  }
}

namespace {

/// What the layout is before a planner has seen the program.
DeviceLayout layout_known(const Program& program, bool has_half_arena, Places& memory,
                          Places& pinned) {
  DeviceLayout layout;
  layout.has_half_arena = has_half_arena;
  layout.constants = constant_runs(program.constants.size(), {});
  layout.arena = memory.place(layout.arena_place(program.arena_bytes));
  for (uint32_t i = 0; i < program.input_count; i++) {
    const size_t bytes = binding_bytes(program, i);
    const size_t place = layout.arena_place(program.bindings[i].offset_bytes);
    layout.inputs.push_back({layout.arena + place, pinned.place(bytes), bytes});
  }
  for (uint32_t i = 0; i < program.output_count; i++) {
    const size_t bytes = binding_bytes(program, program.input_count + i);
    layout.outputs.push_back({0, pinned.place(bytes), bytes});
  }
  layout.regions = memory.place(program.regions.size_bytes());
  layout.taps = memory.place(program.taps.size_bytes());
  layout.ops = memory.place(program.ops.size_bytes());
  layout.indices = memory.place(program.indices.size_bytes());
  constexpr size_t kFaultBytes = sizeof(FaultRecord);
  layout.fault = {memory.place(kFaultBytes), pinned.place(kFaultBytes), kFaultBytes};
  return layout;
}

/// Nothing where the arena cannot have halves and should.
std::optional<DeviceLayout> layout_with(const Program& program, const DeviceInfo& device,
                                        Precision precision, bool has_half_arena) {
  Places memory;
  Places pinned;
  DeviceLayout layout = layout_known(program, has_half_arena, memory, pinned);
  // The rest is known once all launches are: their sizes do not depend on where it lies. Addresses
  // are made on the way, so it has to lie somewhere.
  constexpr DevicePointer kAnywhere = kAlignment;
  Planner planner(program, device, precision, layout, {kAnywhere, kAnywhere});
  planner.plan_commands();
  if (has_half_arena && planner.needs_floats()) return std::nullopt;
  if (precision == Precision::kF16) {
    const std::vector<HalfRange> halves = half_ranges(program, planner.view_uses());
    layout.constants = constant_runs(program.constants.size(), halves);
  }
  for (ConstantRun& run : layout.constants) {
    // As far past a multiple of the alignment as in the program.
    const size_t past = run.is_half ? 0 : run.first * sizeof(float) % kAlignment;
    run.device = memory.place(past + run.bytes()) + past;
  }
  for (uint32_t i = 0; i < program.output_count; i++) {
    Transfer& output = layout.outputs[i];
    output.is_mapped = device.maps_host_memory && planner.is_streamed(i);
    if (!output.is_mapped) output.device = memory.place(output.bytes);
  }
  for (uint32_t i = 0; i < program.input_count; i++) {
    Transfer& input = layout.inputs[i];
    input.is_mapped = device.maps_host_memory && planner.is_streamed(program.output_count + i);
    input.is_converted = has_half_arena && !input.is_mapped;
  }
  const Plan& plan = planner.plan();
  layout.float_blocks = plan.layout.float_blocks;
  for (FloatBlock& block : layout.float_blocks) block.device = memory.place(block.bytes);
  layout.tables = memory.place(plan.tables.size() * sizeof(uint32_t));
  layout.scratch = memory.place(plan.scratch_bytes);
  if (plan.has_products) layout.cublas = memory.place(kCublasWorkspaceBytes);
  layout.device_bytes = round_up(std::max(memory.end(), kAlignment), kDevicePage);
  layout.host_bytes = pinned.end();
  return layout;
}

}  // namespace

DeviceLayout layout_program(const Program& program, const DeviceInfo& device, Precision precision) {
  if (precision == Precision::kF16 && device.can_map_host_memory) {
    if (auto layout = layout_with(program, device, precision, true)) return *layout;
  }
  return *layout_with(program, device, precision, false);
}

Plan plan_program(const Program& program, const DeviceInfo& device, Precision precision,
                  const DeviceLayout& layout, const Bases& bases) {
  Planner planner(program, device, precision, layout, bases);
  planner.plan_commands();
  return std::move(planner.plan());
}

}  // namespace untangle::gpu
