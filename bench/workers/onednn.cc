// oneDNN as a worker: one primitive per layer, source and destination in the layout it prefers,
// weights reordered while loading. Written for both of its C++ interfaces, 2.x and 3.x.

#include <cstring>
#include <dnnl.hpp>
#include <unordered_map>

#include "bench/workers/worker.h"

namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr auto kF32 = memory::data_type::f32;

memory::desc plain(const memory::dims& dims, Tag tag) { return {dims, kF32, tag}; }

class Engine {
 public:
  explicit Engine(const bench::Layer& layer)
      : y_dims_{layer.batch, layer.out_channels, layer.out_height, layer.out_width} {
    if (layer.transposed) {
      create<dnnl::deconvolution_forward>(layer, dnnl::algorithm::deconvolution_direct);
    } else {
      create<dnnl::convolution_forward>(layer, dnnl::algorithm::convolution_direct);
    }
  }

  std::string about() const {
    const dnnl_version_t& version = *dnnl_version();
    return "version=" + std::to_string(version.major) + "." + std::to_string(version.minor);
  }

  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

  std::vector<float> output() {
    std::vector<float> y(y_.get_desc().get_size() / sizeof(float));
    memory target(plain(y_dims_, Tag::nchw), engine_, y.data());
    dnnl::reorder(y_, target).execute(stream_, y_, target);
    stream_.wait();
    size_t count = 1;
    for (const auto size : y_dims_) count *= static_cast<size_t>(size);
    y.resize(count);
    return y;
  }

 private:
  template <typename Primitive>
  void create(const bench::Layer& layer, dnnl::algorithm algorithm) {
    const memory::dims x_dims{layer.batch, layer.in_channels, layer.height, layer.width};
    const auto x = plain(x_dims, Tag::any);
    const auto weights = plain(weight_dims(layer), Tag::any);
    const auto bias = plain({layer.out_channels}, Tag::x);
    const auto y = plain(y_dims_, Tag::any);
    const memory::dims strides{layer.stride, layer.stride};
    const memory::dims dilations{layer.dilation - 1, layer.dilation - 1};
    const memory::dims before{layer.pad, layer.pad};
    const memory::dims after{pad_after(layer, layer.height, layer.out_height),
                             pad_after(layer, layer.width, layer.out_width)};
    constexpr auto kInference = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
    const typename Primitive::primitive_desc description(
        engine_, kInference, algorithm, x, weights, bias, y, strides, dilations, before, after);
#else
    const typename Primitive::desc operation(kInference, algorithm, x, weights, bias, y, strides,
                                             dilations, before, after);
    const typename Primitive::primitive_desc description(operation, engine_);
#endif
    primitive_ = Primitive(description);
    y_ = memory(description.dst_desc(), engine_);
    arguments_ = {
        {DNNL_ARG_SRC, filled(description.src_desc(), plain(x_dims, Tag::nchw), layer.x)},
        {DNNL_ARG_WEIGHTS,
         filled(description.weights_desc(), weights_as_given(layer), layer.weights)},
        {DNNL_ARG_BIAS, filled(bias, bias, layer.bias)},
        {DNNL_ARG_DST, y_},
    };
  }

  /// oneDNN lists output channels first, for transposed convolutions too.
  static memory::dims weight_dims(const bench::Layer& layer) {
    memory::dims dims{layer.out_per_group(), layer.in_per_group(), layer.kernel, layer.kernel};
    if (layer.groups > 1) dims.insert(dims.begin(), layer.groups);
    return dims;
  }

  /// Where the elements of `weight_dims` lie in ONNX's order.
  static memory::desc weights_as_given(const bench::Layer& layer) {
    const int64_t taps = layer.taps();
    const int64_t in = layer.in_per_group();
    const int64_t out = layer.out_per_group();
    memory::dims strides = layer.transposed ? memory::dims{taps, out * taps, layer.kernel, 1}
                                            : memory::dims{in * taps, taps, layer.kernel, 1};
    if (layer.groups > 1) strides.insert(strides.begin(), in * out * taps);
    return {weight_dims(layer), kF32, strides};
  }

  static int64_t pad_after(const bench::Layer& layer, int in, int out) {
    const auto [small, large] = layer.transposed ? std::pair(in, out) : std::pair(out, in);
    return (small - 1) * layer.stride + layer.extent() - layer.pad - large;
  }

  /// Memory of layout `wanted` with `data`, which lies as `given` says.
  memory filled(const memory::desc& wanted, const memory::desc& given,
                const std::vector<float>& data) {
    memory source(given, engine_);
    std::memcpy(source.get_data_handle(), data.data(), data.size() * sizeof(float));
    memory target(wanted, engine_);
    dnnl::reorder(source, target).execute(stream_, source, target);
    stream_.wait();
    return target;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  memory::dims y_dims_;
  memory y_;
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
};

}  // namespace

int main() { return bench::serve<Engine>(); }
