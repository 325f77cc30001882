#include "native/program/validate.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "native/program/packing.h"
#include "native/program/program.h"

namespace untangle {
namespace {

constexpr uint32_t kMaxRank = 6;

// No buffer is longer than 4 GiB, so no address inside one is farther from its start; the bound
// keeps the sums below in 64 bits.
constexpr int64_t kMaxReach = int64_t{1} << 32;

// Broadcast dims cost no memory, so only this bounds the loops of the executor; no value of a model
// has more elements.
constexpr uint64_t kMaxElements = INT32_MAX;

/// True when no two elements of the view share an address: each stride is past the reach of all
/// smaller ones. Refuses some exotic disjoint views, none of which the scheduler makes.
bool is_injective(const ViewRecord& view) {
  const uint32_t* dims = &view.dim0;
  const int32_t* strides = &view.stride0;
  std::pair<int64_t, int64_t> order[kMaxRank];  // |stride|, dim - 1
  size_t used = 0;
  for (uint32_t d = 0; d < view.rank; d++) {
    if (dims[d] == 1) continue;
    const std::pair<int64_t, int64_t> entry{std::abs(int64_t{strides[d]}), int64_t{dims[d]} - 1};
    size_t at = used++;
    for (; at > 0 && entry < order[at - 1]; at--) order[at] = order[at - 1];
    order[at] = entry;
  }
  int64_t reach = 0;
  for (size_t i = 0; i < used; i++) {
    if (order[i].first <= reach) return false;
    reach += order[i].first * order[i].second;
  }
  return true;
}

}  // namespace

std::optional<std::string> validate_program(Program& program) {
  Validator validator(program);
  if (!validator.bindings() || !validator.views() || !validator.commands())
    return validator.problem();
  program.input_commands = validator.input_commands();
  program.loads_awaited = validator.take_awaited();
  return std::nullopt;
}

bool Validator::fail(std::string message) {
  if (command_name_ == nullptr) {
    problem_ = std::move(message);
  } else {
    problem_ = "command " + std::to_string(command_index_) + " (" + command_name_ + "): " + message;
  }
  return false;
}

bool Validator::require(bool ok, const char* message) { return ok || fail(message); }

bool Validator::bindings() {
  for (uint32_t i = 0; i < program_.bindings.size(); i++) {
    const BindingRecord& binding = program_.bindings[i];
    if (i >= program_.input_count) continue;
    const uint64_t end = uint64_t{binding.offset_bytes} + uint64_t{binding.elements} * 4;
    if (binding.offset_bytes % 4 != 0 || end > program_.arena_bytes) {
      return fail("input " + std::to_string(i) + " reaches byte " + std::to_string(end) +
                  " of an arena of " + std::to_string(program_.arena_bytes));
    }
  }
  return true;
}

uint64_t Validator::slot_bytes(uint32_t slot) const {
  if (slot == kSlotArena) return program_.arena_bytes;
  if (slot == kSlotConstants) return program_.constants.size_bytes();
  const uint32_t output = slot - kSlotFirstOutput;
  if (output < program_.output_count) return output_bytes(program_, output);
  return uint64_t{program_.bindings[output - program_.output_count].elements} * sizeof(float);
}

bool Validator::views() {
  for (uint32_t i = 0; i < program_.views.size(); i++) {
    if (!view(program_.views[i], i)) return false;
  }
  return true;
}

bool Validator::view(const ViewRecord& view, uint32_t index) {
  const auto fail = [&](const std::string& problem) {
    return this->fail("view " + std::to_string(index) + problem);
  };
  if (view.slot >= uint64_t{kSlotFirstOutput} + program_.output_count + program_.input_count) {
    return fail(" names slot " + std::to_string(view.slot) + ", which does not exist");
  }
  if (view.rank < 1 || view.rank > kMaxRank) {
    return fail(" has rank " + std::to_string(view.rank) + " (1 to 6 are allowed)");
  }
  if (view.offset_bytes % 4 != 0) return fail(" does not start at a float");
  if (view.type >= kWeightTypeCount) {
    return fail(" has the unknown type " + std::to_string(view.type));
  }

  int64_t lowest = 0;
  int64_t highest = 0;
  uint64_t elements = 1;
  for (uint32_t d = 0; d < kMaxRank; d++) {
    const uint32_t dim = (&view.dim0)[d];
    const int32_t stride = (&view.stride0)[d];
    if (d >= view.rank && (dim != 1 || stride != 0)) {
      return fail(" uses dimensions past its rank");
    }
    if (dim == 0) return fail(" has an empty dimension");
    const int64_t reach = int64_t{dim - 1} * stride;  // 32 x 32 bits
    if (std::abs(reach) > kMaxReach) return fail(" reaches farther than any buffer");
    (reach < 0 ? lowest : highest) += reach;
    if (elements > kMaxElements / dim) return fail(" has too many elements");
    elements *= dim;
  }
  const uint64_t bytes = slot_bytes(view.slot);
  const auto element = static_cast<int64_t>(weight_bytes(static_cast<WeightType>(view.type)));
  const int64_t start = view.offset_bytes + lowest * element;
  const int64_t end = view.offset_bytes + (highest + 1) * element;
  if (start < 0) return fail(" starts before its buffer");
  if (static_cast<uint64_t>(end) > bytes) {
    const char* what = view.slot == kSlotArena       ? "an arena of "
                       : view.slot == kSlotConstants ? "constants of "
                                                     : "an input or output of ";
    return fail(" reaches byte " + std::to_string(end) + " of " + what + std::to_string(bytes));
  }
  return true;
}

bool Validator::commands() {
  const size_t count = program_.commands.size() / kCommandBytes;
  for (size_t i = 0; i < count; i++) {
    command_index_ = static_cast<uint32_t>(i);
    if (!command(program_.commands.data() + i * kCommandBytes)) return false;
  }
  return true;
}

bool Validator::command(const std::byte* at) {
  const auto named = [this](const char* name) { command_name_ = name; };
  switch (as<Opcode>(at)) {
    case Opcode::kGemmTaps:
      return named("gemmTaps"), gemm_taps(as<GemmTapsCommand>(at));
    case Opcode::kDepthwise:
      return named("depthwise"), depthwise(as<DepthwiseCommand>(at));
    case Opcode::kPlanarTaps:
      return named("planarTaps"), planar_taps(as<PlanarTapsCommand>(at));
    case Opcode::kWinograd:
      return named("winograd"), winograd(as<WinogradCommand>(at));
    case Opcode::kElementwise:
      return named("elementwise"), elementwise(as<ElementwiseCommand>(at));
    case Opcode::kCopy:
      return named("copy"), copy(as<CopyCommand>(at));
    case Opcode::kWiden:
      return named("widen"), widen(as<WidenCommand>(at));
    case Opcode::kFill:
      return named("fill"), fill(as<FillCommand>(at));
    case Opcode::kPool:
      return named("pool"), pool(as<PoolCommand>(at));
    case Opcode::kReduce:
      return named("reduce"), reduce(as<ReduceCommand>(at));
    case Opcode::kArgReduce:
      return named("argReduce"), arg_reduce(as<ArgReduceCommand>(at));
    case Opcode::kCumulative:
      return named("cumulative"), cumulative(as<CumulativeCommand>(at));
    case Opcode::kNormalize:
      return named("normalize"), normalize(as<NormalizeCommand>(at));
    case Opcode::kSoftmax:
      return named("softmax"), softmax(as<SoftmaxCommand>(at));
    case Opcode::kResize:
      return named("resize"), resize(as<ResizeCommand>(at));
    case Opcode::kMatmul:
      return named("matmul"), matmul(as<MatmulCommand>(at));
    case Opcode::kGridSample:
      return named("gridSample"), grid_sample(as<GridSampleCommand>(at));
    case Opcode::kGather:
      return named("gather"), gather(as<GatherCommand>(at));
    case Opcode::kGatherIndexed:
      return named("gatherIndexed"), gather_indexed(as<GatherIndexedCommand>(at));
    case Opcode::kScatterIndexed:
      return named("scatterIndexed"), scatter_indexed(as<ScatterIndexedCommand>(at));
    case Opcode::kLoad:
      return named("load"), load(as<LoadCommand>(at));
  }
  named("?");
  return fail("opcode " + std::to_string(as<uint32_t>(at)) + " does not exist");
}

bool Validator::readable(uint32_t index) {
  return exists(index) && (program_.views[index].type == static_cast<uint32_t>(WeightType::kFp32) ||
                           fail("view " + std::to_string(index) + " has no f32 elements"));
}

bool Validator::exists(uint32_t index) {
  if (index >= program_.views.size())
    return fail("view " + std::to_string(index) + " does not exist");
  if (program_.views[index].slot >= kSlotFirstOutput + program_.output_count)
    input_commands_ = command_index_ + 1;
  if (loads_ > 0) await_loads(program_.views[index]);
  return true;
}

bool Validator::writable(uint32_t index) {
  return readable(index) &&
         require(program_.views[index].slot != kSlotConstants, "it writes constants") &&
         require(program_.views[index].slot < kSlotFirstOutput + program_.output_count,
                 "it writes an input") &&
         require(is_injective(program_.views[index]), "its output overlaps itself");
}

bool Validator::rank(uint32_t index, uint32_t rank) {
  return program_.views[index].rank == rank ||
         fail("view " + std::to_string(index) + " has rank " +
              std::to_string(program_.views[index].rank) + ", not " + std::to_string(rank));
}

bool Validator::same_shape(uint32_t left, uint32_t right) {
  return (program_.views[left].rank == program_.views[right].rank &&
          std::equal(dims(left), dims(left) + kMaxRank, dims(right))) ||
         fail("views " + std::to_string(left) + " and " + std::to_string(right) +
              " differ in shape");
}

bool Validator::unit_stride(uint32_t index, uint32_t dim) {
  return strides(index)[dim] == 1 || dims(index)[dim] == 1 ||
         fail("view " + std::to_string(index) + " is not contiguous in its channels");
}

bool Validator::flat(uint32_t index, uint64_t elements) {
  int64_t expected = 1;
  for (uint32_t d = program_.views[index].rank; d-- > 0;) {
    if (dims(index)[d] == 1) continue;
    if (strides(index)[d] != expected) {
      return fail("view " + std::to_string(index) + " is not contiguous");
    }
    expected *= dims(index)[d];
  }
  return static_cast<uint64_t>(expected) == elements ||
         fail("view " + std::to_string(index) + " has " + std::to_string(expected) +
              " elements, not " + std::to_string(elements));
}

bool Validator::packed(uint32_t index, uint64_t panels, uint64_t rows, uint64_t width) {
  const auto type = static_cast<WeightType>(program_.views[index].type);
  return flat(index, panels * panel_weights(type, rows, width));
}

bool Validator::indices(uint32_t first, uint64_t count, uint32_t limit) {
  if (first > program_.indices.size() || count > program_.indices.size() - first) {
    return fail("its indices lie outside their section");
  }
  const auto values = program_.indices.subspan(first, count);
  return require(std::all_of(values.begin(), values.end(),
                             [limit](int32_t i) { return i >= 0 && uint32_t(i) < limit; }),
                 "an index is outside its dimension");
}

bool Validator::epilogue(uint32_t activation, uint32_t residual, uint32_t slope, uint32_t y,
                         uint64_t slopes) {
  const bool is_prelu = activation == static_cast<uint32_t>(Unary::kPrelu);
  return require(activation < kUnaryCount, "its activation does not exist") &&
         require(!is_prelu || slope != kNone, "prelu has no slopes") &&
         optional_flat(slope, slopes) && optional_readable(residual) &&
         (residual == kNone || same_shape(residual, y));
}

}  // namespace untangle
