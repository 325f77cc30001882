#include "native/bench/layer.h"

#include <algorithm>
#include <fstream>
#include <span>
#include <sstream>
#include <stdexcept>

namespace untangle::bench {

namespace {

enum View : uint32_t { kX, kY, kWeights, kBias, kSpread, kSpreadPixels };

uint32_t next_random(uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

float random_value(uint32_t& state) {
  return static_cast<float>(next_random(state)) / 8388608.0f - 1.0f;
}

/// A residue class of outputs along one axis: output first + q * step reads inputs at q * in_step +
/// offset for every tap.
struct AxisPhase {
  uint32_t first, step, count, in_step;
  std::vector<std::pair<uint32_t, int32_t>> taps;  // kernel element, offset
};

/// untangling.md section 1: of a transposed convolution one phase per residue of the stride.
std::vector<AxisPhase> phases_of(const Layer& layer, uint32_t size) {
  const auto pad = static_cast<int32_t>(layer.pad);
  std::vector<AxisPhase> phases;
  if (!layer.transposed) {
    AxisPhase phase{0, 1, size, layer.stride, {}};
    for (uint32_t k = 0; k < layer.kernel; k++) {
      phase.taps.emplace_back(k, static_cast<int32_t>(k * layer.dilation) - pad);
    }
    return {phase};
  }
  const auto step = static_cast<int32_t>(layer.stride);
  for (uint32_t first = 0; first < std::min(layer.stride, size); first++) {
    AxisPhase phase{first, layer.stride, (size - first + layer.stride - 1) / layer.stride, 1, {}};
    for (uint32_t k = 0; k < layer.kernel; k++) {
      const int32_t at =
          static_cast<int32_t>(first) + pad - static_cast<int32_t>(k * layer.dilation);
      if ((at % step + step) % step == 0) phase.taps.emplace_back(k, at / step);
    }
    phases.push_back(phase);
  }
  return phases;
}

ViewRecord map_view(uint32_t slot, uint32_t n, uint32_t height, uint32_t width, uint32_t channels) {
  const auto c = static_cast<int32_t>(channels);
  const auto w = static_cast<int32_t>(width) * c;
  return {slot, 0, 4, 0, n, height, width, channels, 1, 1, static_cast<int32_t>(height) * w,
          w,    c, 1, 0, 0};
}

ViewRecord flat_view(size_t first, size_t count) {
  return {kSlotConstants,
          static_cast<uint32_t>(first * sizeof(float)),
          1,
          0,
          static_cast<uint32_t>(count),
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
          0};
}

size_t padded(size_t value) { return (value + kPanel - 1) / kPanel * kPanel; }

}  // namespace

std::vector<Layer> read_layers(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::vector<Layer> layers;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Layer l{};
    words >> l.id >> l.transposed >> l.batch >> l.inputs >> l.outputs >> l.height >> l.width >>
        l.kernel >> l.stride >> l.pad >> l.output_padding >> l.dilation >> l.groups;
    if (!words) throw std::runtime_error(path + ": \"" + line + "\" is not a layer");
    layers.push_back(l);
  }
  return layers;
}

LayerProgram::LayerProgram(const Layer& layer, Method method, uint32_t seed) : layer_(layer) {
  const size_t taps = size_t{layer.kernel} * layer.kernel;
  const size_t group_inputs = layer.inputs / layer.groups;
  const size_t group_outputs = layer.outputs / layer.groups;
  weights_.resize(taps * group_inputs * layer.outputs);
  for (float& weight : weights_) weight = random_value(seed) / static_cast<float>(taps);
  const size_t panels = padded(group_outputs) / kPanel;
  const bool in_panels = !layer.is_depthwise() && method != Method::kCol2im;
  const size_t packed =
      in_panels ? layer.groups * panels * taps * group_inputs * kPanel : weights_.size();
  const size_t biases = in_panels ? layer.groups * panels * kPanel : layer.outputs;
  constants_memory_.assign(padded(packed) + biases + kPanel, 0);
  const size_t past =
      reinterpret_cast<uintptr_t>(constants_memory_.data()) / sizeof(float) % kPanel;
  float* constants = constants_memory_.data() + (past == 0 ? 0 : kPanel - past);
  for (uint32_t tap = 0; tap < taps; tap++) {
    for (uint32_t input = 0; input < group_inputs; input++) {
      for (uint32_t output = 0; output < layer.outputs; output++) {
        constants[packed_index(method, tap, input, output)] = weight(tap, input, output);
      }
    }
  }
  arena_floats_ = input_floats();
  add_views(packed, padded(packed), biases);
  if (method == Method::kZeroInsert) {
    add_zero_insertion();
  } else {
    add_regions(method);
  }
  if (method == Method::kCol2im) {
    arena_floats_ += size_t{layer.batch} * layer.height * layer.width * taps * layer.outputs;
  } else {
    add_commands(method);
  }
  bindings_ = {{0, static_cast<uint32_t>(input_floats()), 0, 0},
               {0, static_cast<uint32_t>(output_floats()), 0, 0}};
  program_ = {bindings_,
              views_,
              commands_,
              regions_,
              taps_,
              {},
              {},
              {constants, padded(packed) + biases},
              1,
              1,
              static_cast<uint32_t>(arena_floats_ * sizeof(float))};
}

void LayerProgram::add_views(size_t packed, size_t bias_first, size_t biases) {
  views_ = {
      map_view(kSlotFirstOutput + 1, layer_.batch, layer_.height, layer_.width, layer_.inputs),
      map_view(kSlotFirstOutput, layer_.batch, layer_.out_height(), layer_.out_width(),
               layer_.outputs),
      flat_view(0, packed), flat_view(bias_first, biases)};
}

/// x with stride - 1 zeros between its pixels, behind x in the arena, and one region over it.
void LayerProgram::add_zero_insertion() {
  const uint32_t height = (layer_.height - 1) * layer_.stride + 1;
  const uint32_t width = (layer_.width - 1) * layer_.stride + 1;
  ViewRecord spread = map_view(kSlotArena, layer_.batch, height, width, layer_.inputs);
  spread.offset_bytes = static_cast<uint32_t>(arena_floats_ * sizeof(float));
  ViewRecord pixels = spread;
  pixels.dim1 = layer_.height;
  pixels.dim2 = layer_.width;
  pixels.stride1 *= static_cast<int32_t>(layer_.stride);
  pixels.stride2 *= static_cast<int32_t>(layer_.stride);
  views_.push_back(spread);
  views_.push_back(pixels);
  arena_floats_ += size_t{layer_.batch} * height * width * layer_.inputs;
  const uint32_t rows = layer_.is_depthwise() ? 1 : layer_.inputs / layer_.groups;
  for (uint32_t ky = 0; ky < layer_.kernel; ky++) {
    for (uint32_t kx = 0; kx < layer_.kernel; kx++) {
      const auto offset = [&](uint32_t k) {
        return static_cast<int32_t>(layer_.pad) - static_cast<int32_t>(k * layer_.dilation);
      };
      taps_.push_back({offset(ky), offset(kx), (ky * layer_.kernel + kx) * rows, 0});
    }
  }
  const auto count = static_cast<uint32_t>(taps_.size());
  regions_.push_back({0, 0, 1, 1, layer_.out_height(), layer_.out_width(), 0, 0, 1, 1, 0, count,
                      rows, kRegionPadded, 0, 0});
}

void LayerProgram::add_regions(Method method) {
  const uint32_t rows = layer_.is_depthwise() ? 1 : layer_.inputs / layer_.groups;
  const uint32_t flags = kRegionPadded | (method == Method::kHuge2 ? kRegionPerTap : 0);
  for (const AxisPhase& y : phases_of(layer_, layer_.out_height())) {
    for (const AxisPhase& x : phases_of(layer_, layer_.out_width())) {
      const auto first = static_cast<uint32_t>(taps_.size());
      for (const auto& [ky, dy] : y.taps) {
        for (const auto& [kx, dx] : x.taps) {
          taps_.push_back({dy, dx, (ky * layer_.kernel + kx) * rows, 0});
          const auto inside = [](const AxisPhase& axis, int32_t offset, uint32_t size) {
            double count = 0;
            for (uint32_t q = 0; q < axis.count; q++) {
              const int64_t at = int64_t{q} * axis.in_step + offset;
              count += at >= 0 && at < size ? 1 : 0;
            }
            return count;
          };
          macs_ += inside(y, dy, layer_.height) * inside(x, dx, layer_.width) * layer_.batch *
                   (layer_.inputs / layer_.groups) * layer_.outputs;
        }
      }
      const auto count = static_cast<uint32_t>(taps_.size()) - first;
      regions_.push_back({static_cast<int32_t>(y.first), static_cast<int32_t>(x.first), y.step,
                          x.step, y.count, x.count, 0, 0, y.in_step, x.in_step, first, count, rows,
                          flags, 0, 0});
    }
  }
}

void LayerProgram::add_commands(Method method) {
  const auto count = static_cast<uint32_t>(regions_.size());
  const uint32_t each = method == Method::kKs ? 1 : count;
  const uint32_t k_total = layer_.kernel * layer_.kernel * (layer_.inputs / layer_.groups);
  const auto relu = static_cast<uint32_t>(Unary::kRelu);
  const auto add = [this](const auto& command) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&command);
    commands_.insert(commands_.end(), bytes, bytes + kCommandBytes);
  };
  const uint32_t x = method == Method::kZeroInsert ? kSpread : kX;
  if (method == Method::kZeroInsert) {
    add(FillCommand{Opcode::kFill, kSpread, 0, {}});
    add(CopyCommand{Opcode::kCopy, kX, kSpreadPixels, {}});
  }
  for (uint32_t first = 0; first < count; first += each) {
    if (layer_.is_depthwise()) {
      add(DepthwiseCommand{
          Opcode::kDepthwise, x, kY, kWeights, kBias, kNone, kNone, first, each, relu, 0, 0, {}});
    } else {
      add(GemmTapsCommand{Opcode::kGemmTaps, x, kY, kWeights, kBias, kNone, kNone, k_total,
                          layer_.groups, 1, 1, first, each, relu, 0, 0});
    }
  }
}

size_t LayerProgram::input_floats() const {
  return size_t{layer_.batch} * layer_.height * layer_.width * layer_.inputs;
}

size_t LayerProgram::output_floats() const {
  return size_t{layer_.batch} * layer_.out_height() * layer_.out_width() * layer_.outputs;
}

double LayerProgram::bytes() const {
  return sizeof(float) * static_cast<double>(input_floats() + output_floats() + weights_.size());
}

float LayerProgram::weight(uint32_t tap, uint32_t input, uint32_t output) const {
  return weights_[(size_t{tap} * (layer_.inputs / layer_.groups) + input) * layer_.outputs +
                  output];
}

/// Where the constants have a weight: by tap of depthwise layers; [groups][inputs][taps][outputs]
/// of kCol2im, a matrix each; else in panels.
size_t LayerProgram::packed_index(Method method, uint32_t tap, uint32_t input,
                                  uint32_t output) const {
  if (layer_.is_depthwise()) return size_t{tap} * layer_.outputs + output;
  const size_t taps = size_t{layer_.kernel} * layer_.kernel;
  const size_t group_inputs = layer_.inputs / layer_.groups;
  const size_t group_outputs = layer_.outputs / layer_.groups;
  const size_t group = output / group_outputs;
  const size_t column = output % group_outputs;
  if (method == Method::kCol2im) {
    return ((group * group_inputs + input) * taps + tap) * group_outputs + column;
  }
  const size_t panel = group * (padded(group_outputs) / kPanel) + column / kPanel;
  return (panel * taps * group_inputs + tap * group_inputs + input) * kPanel + column % kPanel;
}

double LayerProgram::expected(const std::vector<float>& x, size_t index) const {
  const auto output = static_cast<uint32_t>(index % layer_.outputs);
  const size_t pixel = index / layer_.outputs;
  const auto ox = static_cast<int64_t>(pixel % layer_.out_width());
  const auto oy = static_cast<int64_t>(pixel / layer_.out_width() % layer_.out_height());
  const size_t image = pixel / layer_.out_width() / layer_.out_height();
  const uint32_t group_inputs = layer_.inputs / layer_.groups;
  const uint32_t group = output / (layer_.outputs / layer_.groups);
  const auto source = [&](int64_t out, uint32_t k) -> int64_t {
    if (!layer_.transposed) return out * layer_.stride + k * layer_.dilation - layer_.pad;
    const int64_t at = out + layer_.pad - int64_t{k} * layer_.dilation;
    return at % layer_.stride == 0 ? at / layer_.stride : -1;
  };
  double sum = 0;
  for (uint32_t ky = 0; ky < layer_.kernel; ky++) {
    const int64_t iy = source(oy, ky);
    for (uint32_t kx = 0; kx < layer_.kernel; kx++) {
      const int64_t ix = source(ox, kx);
      if (iy < 0 || iy >= layer_.height || ix < 0 || ix >= layer_.width) continue;
      const float* from = x.data() +
                          ((image * layer_.height + static_cast<size_t>(iy)) * layer_.width +
                           static_cast<size_t>(ix)) *
                              layer_.inputs +
                          group * group_inputs;
      for (uint32_t input = 0; input < group_inputs; input++) {
        sum += double{from[input]} * weight(ky * layer_.kernel + kx, input, output);
      }
    }
  }
  return std::max(sum, 0.0);
}

}  // namespace untangle::bench
