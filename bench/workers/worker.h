// The worker's end of the line protocol (bench/contenders/contender.ts) for engines in C++.

#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace bench {

/// `count` floats in [-0.5, 0.5): the numbers of bench/models/hash.ts.
inline std::vector<float> hash_values(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (size_t index = 0; index < count; index++) {
    uint32_t bits = static_cast<uint32_t>(index) + seed * 0x9e3779b9u;
    bits = (bits ^ (bits >> 16)) * 0x7feb352du;
    bits = (bits ^ (bits >> 15)) * 0x846ca68bu;
    bits ^= bits >> 16;
    values[index] = static_cast<float>(bits >> 8) / 16777216.0f - 0.5f;
  }
  return values;
}

/// The layer to run, with its data: x [N, C, H, W], weights in ONNX order, bias [Cout].
struct Layer {
  using Fields = std::map<std::string, std::string>;

  explicit Layer(const Fields& fields)
      : transposed(fields.at("op") == "transposed"),
        batch(number(fields, "batch")),
        in_channels(number(fields, "inChannels")),
        out_channels(number(fields, "outChannels")),
        height(number(fields, "height")),
        width(number(fields, "width")),
        out_height(number(fields, "outHeight")),
        out_width(number(fields, "outWidth")),
        kernel(number(fields, "kernel")),
        stride(number(fields, "stride")),
        pad(number(fields, "pad")),
        dilation(number(fields, "dilation")),
        groups(number(fields, "groups")),
        threads(number(fields, "threads")),
        weights(hash_values(size_t(in_channels) * out_channels / groups * taps(), 1)),
        bias(hash_values(out_channels, 2)),
        x(hash_values(size_t(batch) * in_channels * height * width, 3)) {}

  int taps() const { return kernel * kernel; }
  /// Pixels that a kernel spans along one axis.
  int extent() const { return (kernel - 1) * dilation + 1; }
  int in_per_group() const { return in_channels / groups; }
  int out_per_group() const { return out_channels / groups; }
  size_t y_count() const { return size_t(batch) * out_channels * out_height * out_width; }

  bool transposed;
  int batch, in_channels, out_channels, height, width, out_height, out_width;
  int kernel, stride, pad, dilation, groups, threads;
  std::vector<float> weights, bias, x;

 private:
  static int number(const Fields& fields, const char* key) { return std::stoi(fields.at(key)); }
};

inline std::string time_runs(int count, auto& engine) {
  std::ostringstream reply;
  reply << "ms" << std::fixed;
  for (int run = 0; run < count; run++) {
    const auto started = std::chrono::steady_clock::now();
    engine.run();
    const std::chrono::duration<double, std::milli> time =
        std::chrono::steady_clock::now() - started;
    reply << ' ' << time.count();
  }
  return reply.str();
}

/// Count, sum of absolute values and evenly spaced samples, first and last among them.
inline std::string summarize(const std::vector<float>& values) {
  constexpr size_t kSamples = 64;
  double sum = 0;
  for (const float value : values) sum += std::fabs(value);
  std::ostringstream reply;
  reply.precision(9);
  reply << "output " << values.size() << ' ' << sum;
  for (size_t index = 0; index < kSamples; index++) {
    reply << ' ' << values[index * (values.size() - 1) / (kSamples - 1)];
  }
  return reply.str();
}

/// Answers lines until stdin ends. An engine is made anew for each layer:
///
///   Engine(const Layer&)         prepares everything
///   std::string about()          what it says of itself: key=value pairs
///   void run()
///   std::vector<float> output()  of the last run, NCHW
template <typename Engine>
int serve() {
  std::unique_ptr<Engine> engine;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, word;
    words >> command;
    std::string reply;
    try {
      if (command == "load") {
        Layer::Fields fields;
        while (words >> word) {
          const size_t at = word.find('=');
          fields[word.substr(0, at)] = word.substr(at + 1);
        }
        engine.reset();
        engine = std::make_unique<Engine>(Layer(fields));
        reply = "ok " + engine->about();
      } else if (command == "run") {
        words >> word;
        reply = time_runs(std::stoi(word), *engine);
      } else if (command == "output") {
        reply = summarize(engine->output());
      } else {
        reply = "error unknown command " + command;
      }
    } catch (const std::exception& error) {
      reply = std::string("error ") + error.what();
    }
    std::cout << reply << std::endl;
  }
  return 0;
}

}  // namespace bench
