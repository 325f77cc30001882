// XNNPACK as a worker: one NHWC operator per layer, by the interface of 2022 that Debian has.

#include <pthreadpool.h>
#include <xnnpack.h>

#include <limits>
#include <stdexcept>

#include "bench/workers/worker.h"

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void check(xnn_status status, const char* what) {
  if (status != xnn_status_success) {
    throw std::runtime_error(std::string(what) + " failed with status " + std::to_string(status));
  }
}

class Engine {
 public:
  explicit Engine(const bench::Layer& layer)
      : layer_(layer),
        // The operator may read 16 bytes past the end.
        x_(layer.x.size() + XNN_EXTRA_BYTES / sizeof(float)),
        y_(layer.y_count()),
        pool_(layer.threads > 1 ? pthreadpool_create(layer.threads) : nullptr,
              pthreadpool_destroy) {
    check(xnn_initialize(nullptr), "xnn_initialize");
    to_nhwc();
    layer.transposed ? create_transposed() : create_plain();
  }
  ~Engine() { xnn_delete_operator(operator_); }

  std::string about() const { return "version=interface%20of%202022"; }

  void run() { check(xnn_run_operator(operator_, pool_.get()), "xnn_run_operator"); }

  std::vector<float> output() const {
    const size_t pixels = size_t(layer_.out_height) * layer_.out_width;
    const size_t channels = layer_.out_channels;
    std::vector<float> nchw(y_.size());
    for (size_t index = 0; index < nchw.size(); index++) {
      const size_t pixel = index % pixels;
      const size_t channel = index / pixels % channels;
      const size_t image = index / pixels / channels;
      nchw[index] = y_[(image * pixels + pixel) * channels + channel];
    }
    return nchw;
  }

 private:
  void to_nhwc() {
    const size_t pixels = size_t(layer_.height) * layer_.width;
    const size_t channels = layer_.in_channels;
    for (size_t index = 0; index < layer_.x.size(); index++) {
      const size_t pixel = index % pixels;
      const size_t channel = index / pixels % channels;
      const size_t image = index / pixels / channels;
      x_[(image * pixels + pixel) * channels + channel] = layer_.x[index];
    }
  }

  /// ONNX's weights as [groups][Cout/groups][K][K][Cin/groups].
  std::vector<float> packed_weights() const {
    const size_t taps = layer_.taps();
    const size_t in = layer_.in_per_group();
    const size_t out = layer_.out_per_group();
    std::vector<float> packed(layer_.weights.size());
    size_t to = 0;
    for (size_t group = 0; group < size_t(layer_.groups); group++) {
      for (size_t output = 0; output < out; output++) {
        for (size_t tap = 0; tap < taps; tap++) {
          for (size_t input = 0; input < in; input++) {
            const size_t pair = layer_.transposed ? (group * in + input) * out + output
                                                  : (group * out + output) * in + input;
            packed[to++] = layer_.weights[pair * taps + tap];
          }
        }
      }
    }
    return packed;
  }

  void create_transposed() {
    const auto& l = layer_;
    const auto weights = packed_weights();
    check(xnn_create_deconvolution2d_nhwc_f32(
              l.pad, l.pad, l.pad, l.pad, l.kernel, l.kernel, l.stride, l.stride, l.dilation,
              l.dilation, l.groups, l.in_per_group(), l.out_per_group(), l.in_channels,
              l.out_channels, weights.data(), l.bias.data(), -kInfinity, kInfinity, 0, &operator_),
          "creating the operator");
    const auto adjustment = [&](int in, int out) {
      return static_cast<uint32_t>(out - ((in - 1) * l.stride - 2 * l.pad + l.extent()));
    };
    check(xnn_setup_deconvolution2d_nhwc_f32(
              operator_, l.batch, l.height, l.width, adjustment(l.height, l.out_height),
              adjustment(l.width, l.out_width), x_.data(), y_.data(), pool_.get()),
          "setting up the operator");
  }

  void create_plain() {
    const auto& l = layer_;
    const auto weights = packed_weights();
    check(xnn_create_convolution2d_nhwc_f32(
              l.pad, l.pad, l.pad, l.pad, l.kernel, l.kernel, l.stride, l.stride, l.dilation,
              l.dilation, l.groups, l.in_per_group(), l.out_per_group(), l.in_channels,
              l.out_channels, weights.data(), l.bias.data(), -kInfinity, kInfinity, 0, &operator_),
          "creating the operator");
    check(xnn_setup_convolution2d_nhwc_f32(operator_, l.batch, l.height, l.width, x_.data(),
                                           y_.data(), pool_.get()),
          "setting up the operator");
  }

  bench::Layer layer_;
  std::vector<float> x_, y_;
  std::unique_ptr<pthreadpool, decltype(&pthreadpool_destroy)> pool_;
  xnn_operator_t operator_ = nullptr;
};

}  // namespace

int main() { return bench::serve<Engine>(); }
