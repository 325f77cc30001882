// gpu_layers LAYERS [--check] [--quick]: every layer on the GPU, each method: outputs against the
// definition in double precision, and times of graph replays. One line of JSON per layer and
// method.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "native/bench/col2im.h"
#include "native/bench/layer.h"
#include "native/gpu/session.h"

using namespace untangle;
using namespace untangle::bench;

namespace {

// Outputs of a layer that are compared, spread over all of it.
constexpr size_t kChecked = 20000;
/// One way to run a layer.
struct Way {
  const char* name;
  Method method;
  gpu::Precision precision;
  double tolerance;  // of sums of thousands of products, as a part of the largest output
};

constexpr Way kWays[] = {
    {"uks", Method::kUks, gpu::Precision::kF32, 2e-5},
    {"ks", Method::kKs, gpu::Precision::kF32, 2e-5},
    {"huge2", Method::kHuge2, gpu::Precision::kF32, 2e-5},
    {"zero-insert", Method::kZeroInsert, gpu::Precision::kF32, 2e-5},
    {"col2im", Method::kCol2im, gpu::Precision::kF32, 2e-5},
    {"uks tf32", Method::kUks, gpu::Precision::kTf32, 5e-3},
    {"uks f16", Method::kUks, gpu::Precision::kF16, 5e-3},
};

constexpr double kWantedMs = 20;  // of replays
constexpr size_t kRounds = 5;

std::vector<float> random_input(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

/// The largest error of one run over the checked outputs; outputs start as no numbers.
double check(gpu::GpuSession& session, const LayerProgram& layer, uint32_t seed) {
  const std::vector<float> x = random_input(layer.input_floats(), seed);
  std::vector<float> y(layer.output_floats(), std::nanf(""));
  const float* inputs[] = {x.data()};
  float* outputs[] = {y.data()};
  session.poison_outputs();
  session.take_inputs(inputs);
  const std::atomic<bool> aborted{false};
  IndexFault fault;
  session.run(outputs, {aborted, fault});
  const size_t step = std::max<size_t>(1, y.size() / kChecked) | 1;
  double range = 1e-30;
  double worst = 0;
  for (size_t i = 0; i < y.size(); i += step) {
    const double expected = layer.expected(x, i);
    const double difference = std::abs(static_cast<double>(y[i]) - expected);
    range = std::max(range, std::abs(expected));
    worst = difference <= worst ? worst : difference;  // NaN is kept
  }
  for (const float value : y) {
    if (std::isnan(value)) return INFINITY;
  }
  return worst / range;
}

/// The best of some rounds of replays, each of some 20 ms.
double measure(gpu::GpuSession& session) {
  const double once = session.replay_ms(1);
  const size_t replays =
      static_cast<size_t>(std::clamp(kWantedMs / std::max(once, 1e-3), 1.0, 2e3));
  double best = session.replay_ms(replays);
  for (size_t round = 1; round < kRounds; round++) {
    best = std::min(best, session.replay_ms(replays));
  }
  return best;
}

/// GB/s of a copy of 128 MiB, both directions together.
double copy_gbs(const std::shared_ptr<const gpu::Device>& device) {
  constexpr uint32_t kFloats = 32 << 20;
  const auto view = [](uint32_t offset_bytes) {
    return ViewRecord{kSlotArena, offset_bytes, 1, 0, kFloats, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  };
  const ViewRecord views[] = {view(0), view(kFloats * sizeof(float))};
  const CopyCommand command{Opcode::kCopy, 0, 1, {}};
  const auto* bytes = reinterpret_cast<const std::byte*>(&command);
  const Program program{{}, views, {bytes, kCommandBytes},     {}, {}, {}, {}, {},
                        0,  0,     2 * kFloats * sizeof(float)};
  gpu::GpuSession session(device, program);
  return 2.0 * kFloats * sizeof(float) / measure(session) / 1e6;
}

/// What the device can do: cores times clock, and bytes that were copied.
void print_peaks(const std::shared_ptr<const gpu::Device>& device) {
  const gpu::DeviceInfo& info = device->info();
  // Cores of a multiprocessor: 64 before Ampere's consumer line and on 8.0, else 128.
  const bool is_half = info.compute_major == 7 || info.compute_major == 6 ||
                       (info.compute_major == 8 && info.compute_minor == 0);
  const double gflops = 2e-6 * info.multiprocessors * (is_half ? 64 : 128) * info.clock_khz;
  std::printf("{\"device\":\"%s\",\"gflops\":%.1f,\"gbs\":%.1f}\n", info.name.c_str(), gflops,
              copy_gbs(device));
}

/// Whether a layer can be run so on this device.
bool is_possible(const Way& way, const Layer& layer, const gpu::DeviceInfo& device) {
  const bool is_plain = way.method != Method::kHuge2 && way.method != Method::kCol2im &&
                        way.precision == gpu::Precision::kF32;
  if (layer.is_depthwise() && !is_plain) return false;
  if (way.method == Method::kCol2im && !device.has_cublas) return false;
  const bool is_baseline = way.method == Method::kZeroInsert || way.method == Method::kCol2im;
  return layer.transposed || !is_baseline;
}

gpu::GpuSession open_layer(const std::shared_ptr<const gpu::Device>& device,
                           const LayerProgram& layer, const Way& way) {
  if (way.method == Method::kCol2im) return col2im_session(device, layer);
  return gpu::GpuSession(device, layer.program(), way.precision);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: gpu_layers LAYERS [--check]\n");
    return 2;
  }
  bool only_checks = false;
  for (int i = 2; i < count; i++) only_checks |= std::strcmp(arguments[i], "--check") == 0;
  const char* driver = std::getenv("UNTANGLE_CUDA_DRIVER");
  try {
    const auto device = gpu::Device::open(driver != nullptr ? driver : "");
    if (!only_checks) print_peaks(device);
    if (!device->info().has_cublas) {
      std::fprintf(stderr, "skipped: GEMM + col2im, as there is no cuBLAS (%s)\n",
                   device->no_cublas_reason().c_str());
    }
    int wrong = 0;
    uint32_t seed = 1;
    for (const Layer& layer : read_layers(arguments[1])) {
      for (const Way& way : kWays) {
        if (!is_possible(way, layer, device->info())) continue;
        const LayerProgram made(layer, way.method, seed++);
        gpu::GpuSession session = open_layer(device, made, way);
        const double error = std::max(check(session, made, seed), check(session, made, seed + 99));
        const bool is_right = error <= way.tolerance;
        wrong += is_right ? 0 : 1;
        const double ms = only_checks ? 0 : measure(session);
        std::printf(
            "{\"device\":\"%s\",\"layer\":\"%s\",\"method\":\"%s\",\"error\":%.3g,\"ok\":%s,"
            "\"ms\":%.5f,\"macs\":%.0f,\"bytes\":%.0f,\"deviceBytes\":%zu}\n",
            device->info().name.c_str(), layer.id.c_str(), way.name, error,
            is_right ? "true" : "false", ms, made.macs(), made.bytes(), session.device_bytes());
        std::fflush(stdout);
      }
    }
    return wrong == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_layers: %s\n", error.what());
    return 1;
  }
}
