#include "native/gpu/widen.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "native/gpu/plan.h"
#include "native/program/packing.h"

namespace untangle::gpu {
namespace {

constexpr size_t kLineFloats = 16;
constexpr size_t kLineBytes = kLineFloats * sizeof(float);

bool is_wide(const ViewRecord& view) {
  return view.type == static_cast<uint32_t>(WeightType::kFp32);
}

bool is_wide_constant(const ViewRecord& view) {
  return view.slot == kSlotConstants && is_wide(view);
}

/// The first byte of a view's elements, and the one past its last.
std::pair<size_t, size_t> bytes_of(const ViewRecord& view) {
  int64_t low = 0;
  int64_t high = 0;
  for (uint32_t d = 0; d < view.rank; d++) {
    const int64_t reach = (int64_t{(&view.dim0)[d]} - 1) * (&view.stride0)[d];
    (reach < 0 ? low : high) += reach;
  }
  constexpr int64_t kBytes = sizeof(float);
  return {static_cast<size_t>(view.offset_bytes + low * kBytes),
          static_cast<size_t>(view.offset_bytes + (high + 1) * kBytes)};
}

/// Half precision moves into place; a product makes up for the other bias of the exponent.
float from_half(uint16_t half) {
  const uint32_t magnitude = (uint32_t{half} & 0x7fffu) << 13;
  const uint32_t special = magnitude >= 0x0f800000u ? 0x7f800000u : 0;
  const uint32_t product = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  return std::bit_cast<float>(product | special | (uint32_t{half} & 0x8000u) << 16);
}

template <typename T>
T read(const std::byte* from, size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return value;
}

void widen_panel(WeightType type, const std::byte* panel, size_t rows, size_t width,
                 float* target) {
  if (type == WeightType::kFp16) {
    for (size_t i = 0; i < rows * width; i++) target[i] = from_half(read<uint16_t>(panel, i));
    return;
  }
  const std::byte* bytes = panel + scale_weights(type, width);
  for (size_t i = 0; i < rows * width; i++)
    target[i] = static_cast<float>(read<int8_t>(bytes, i)) * read<float>(panel, i % width);
}

ViewRecord panels_view(size_t at, size_t panels, size_t rows, size_t width) {
  ViewRecord view{};
  view.slot = kSlotConstants;
  view.offset_bytes = static_cast<uint32_t>(at * sizeof(float));
  view.rank = 3;
  view.dim0 = static_cast<uint32_t>(panels);
  view.dim1 = static_cast<uint32_t>(rows);
  view.dim2 = static_cast<uint32_t>(width);
  view.dim3 = view.dim4 = view.dim5 = 1;
  view.stride0 = static_cast<int32_t>(rows * width);
  view.stride1 = static_cast<int32_t>(width);
  view.stride2 = 1;
  return view;
}

}  // namespace

WidenedProgram::WidenedProgram(const Program& source) : program_(source) {
  if (std::all_of(source.views.begin(), source.views.end(), is_wide)) return;
  views_.assign(source.views.begin(), source.views.end());
  commands_.assign(source.commands.begin(), source.commands.end());
  move_floats(source);
  for (size_t i = 0; i < command_count(source); i++)
    widen_command(source, commands_.data() + i * kCommandBytes);
  program_.views = views_;
  program_.commands = commands_;
  program_.constants = constants_;
}

/// Room at the end of the constants, from the next cache line on.
size_t WidenedProgram::append(size_t floats) {
  const size_t start = (constants_.size() + kLineFloats - 1) / kLineFloats * kLineFloats;
  if (start + floats > UINT32_MAX / sizeof(float)) throw NoKernel("weights of 4 GiB as f32");
  constants_.resize(start + floats);
  return start;
}

/// Leaves out what lies between the constants that are f32.
void WidenedProgram::move_floats(const Program& source) {
  std::vector<Run> runs;
  for (const ViewRecord& view : source.views) {
    if (!is_wide_constant(view)) continue;
    const auto [first, last] = bytes_of(view);
    runs.push_back({first / kLineBytes * kLineBytes, last, 0});
  }
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.first < b.first; });
  size_t count = 0;
  for (const Run& run : runs) {
    if (count > 0 && run.first < runs[count - 1].last) {
      runs[count - 1].last = std::max(runs[count - 1].last, run.last);
    } else {
      runs[count++] = run;
    }
  }
  runs.resize(count);

  const auto* bytes = reinterpret_cast<const std::byte*>(source.constants.data());
  for (Run& run : runs) {
    const size_t start = append((run.last - run.first) / sizeof(float));
    std::memcpy(constants_.data() + start, bytes + run.first, run.last - run.first);
    run.moved_to = start * sizeof(float);
  }
  for (ViewRecord& view : views_) {
    if (!is_wide_constant(view)) continue;
    const size_t first = bytes_of(view).first;
    const auto past = std::upper_bound(runs.begin(), runs.end(), first,
                                       [](size_t at, const Run& run) { return at < run.first; });
    const Run& run = *(past - 1);
    view.offset_bytes = static_cast<uint32_t>(view.offset_bytes - run.first + run.moved_to);
  }
}

void WidenedProgram::widen_command(const Program& source, std::byte* at) {
  switch (as<Opcode>(at)) {
    case Opcode::kGemmTaps: {
      auto& command = *reinterpret_cast<GemmTapsCommand*>(at);
      if (is_wide(source.views[command.weights_view])) return;
      const size_t outputs = source.views[command.y].dim3 / command.groups;
      const size_t columns = outputs * command.fused_y * command.fused_x;
      const size_t panels = command.groups * ((columns + kPanel - 1) / kPanel);
      command.weights_view = widen(source, command.weights_view, panels, command.k_total, kPanel);
      return;
    }
    case Opcode::kWinograd: {
      auto& command = *reinterpret_cast<WinogradCommand*>(at);
      const ViewRecord& weights = source.views[command.weights_view];
      if (is_wide(weights)) return;
      const size_t panels = (source.views[command.y].dim3 + kPanel - 1) / kPanel;
      const size_t rows = packed_rows(weights, panels, kPanel);
      command.weights_view = widen(source, command.weights_view, panels, rows, kPanel);
      return;
    }
    case Opcode::kWiden: {
      auto& command = *reinterpret_cast<WidenCommand*>(at);
      const ViewRecord& y = source.views[command.y];
      command.opcode = Opcode::kCopy;
      command.x = widen(source, command.x, y.dim0, y.dim1, y.dim2);
      return;
    }
    default:  // have f32 weights, or no kernels here
      return;
  }
}

/// Index of a view of the same weights as f32.
uint32_t WidenedProgram::widen(const Program& source, uint32_t index, size_t panels, size_t rows,
                               size_t width) {
  const ViewRecord& view = source.views[index];
  if (is_wide(view)) {
    ViewRecord same = panels_view(0, panels, rows, width);
    same.slot = view.slot;
    same.offset_bytes = views_[index].offset_bytes;
    views_.push_back(same);
    return static_cast<uint32_t>(views_.size() - 1);
  }
  if (view.slot != kSlotConstants) throw NoKernel("weights that are no constants");
  const auto type = static_cast<WeightType>(view.type);
  const size_t start = append(panels * rows * width);
  const size_t stride = panel_weights(type, rows, width) * weight_bytes(type);
  const auto* bytes =
      reinterpret_cast<const std::byte*>(source.constants.data()) + view.offset_bytes;
  for (size_t panel = 0; panel < panels; panel++) {
    widen_panel(type, bytes + panel * stride, rows, width,
                constants_.data() + start + panel * rows * width);
  }
  views_.push_back(panels_view(start, panels, rows, width));
  return static_cast<uint32_t>(views_.size() - 1);
}

}  // namespace untangle::gpu
