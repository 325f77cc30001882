// Layers to be measured on a GPU, as programs of one convolution without a scheduler.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/program/tables.h"

namespace untangle::bench {

/// A convolution of bench/shapes, one square kernel.
struct Layer {
  std::string id;
  bool transposed;
  uint32_t batch, inputs, outputs, height, width, kernel, stride;
  uint32_t pad, output_padding, dilation, groups;

  uint32_t out_height() const { return out_size(height); }
  uint32_t out_width() const { return out_size(width); }
  bool is_depthwise() const { return groups > 1 && inputs == groups && outputs == groups; }

 private:
  uint32_t out_size(uint32_t size) const {
    const uint32_t reach = dilation * (kernel - 1);
    return transposed ? (size - 1) * stride + reach + 1 + output_padding - 2 * pad
                      : (size + 2 * pad - reach - 1) / stride + 1;
  }
};

/// Ways to run a layer: the scheduler's methods (src/schedule/candidates), and what they are
/// measured against, for transposed layers only: a convolution of the map with zeros between its
/// pixels, and one product followed by col2im (col2im.h).
enum class Method { kUks, kKs, kHuge2, kZeroInsert, kCol2im };

/// Lines of "id transposed batch inputs outputs height width kernel stride pad outputPadding
/// dilation groups" (scripts/gpu-layers.ts writes them). Throws std::runtime_error.
std::vector<Layer> read_layers(const std::string& path);

/// A layer with random weights: x [N, H, W, Cin] is the input, y [N, OH, OW, Cout] the output.
class LayerProgram {
 public:
  LayerProgram(const Layer& layer, Method method, uint32_t seed);

  const Layer& layer() const { return layer_; }
  /// kCol2im has no commands but the memory for them: x and the columns in the arena, weights and
  /// bias as constants.
  const Program& program() const { return program_; }
  /// Floats of x and of y.
  size_t input_floats() const;
  size_t output_floats() const;
  /// Element `index` of y by the definition, in double precision.
  double expected(const std::vector<float>& x, size_t index) const;
  /// Products of the definition that fall inside x, and bytes of x, y and the weights.
  double macs() const { return macs_; }
  double bytes() const;

 private:
  void add_views(size_t packed, size_t bias_first, size_t biases);
  void add_regions(Method method);
  void add_zero_insertion();
  void add_commands(Method method);
  float weight(uint32_t tap, uint32_t input, uint32_t output) const;
  size_t packed_index(Method method, uint32_t tap, uint32_t input, uint32_t output) const;

  const Layer layer_;
  size_t arena_floats_ = 0;
  std::vector<float> weights_;  // [taps][inputs of a group][outputs]
  std::vector<float> constants_memory_;
  std::vector<RegionRecord> regions_;
  std::vector<TapRecord> taps_;
  std::vector<ViewRecord> views_;
  std::vector<std::byte> commands_;
  std::vector<BindingRecord> bindings_;
  double macs_ = 0;
  Program program_{};
};

}  // namespace untangle::bench
