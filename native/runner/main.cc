// untangle_run: a program file run without Node, on the CPU or the GPU.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "native/runner/options.h"
#include "native/session/session_state.h"

namespace untangle::runner {

namespace {

/// What ends the run; a sentence.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

AlignedBytes read_program(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff bytes = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (bytes < 0) throw RunError(path + ": cannot be read");
  std::optional<AlignedBytes> memory =
      AlignedBytes::allocate(static_cast<size_t>(bytes), /*zeroed=*/false);
  if (!memory) throw std::bad_alloc();
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(memory->data()), bytes)) {
    throw RunError(path + ": cannot be read");
  }
  return std::move(*memory);
}

std::vector<float> read_input(const std::string& path, size_t elements) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto bytes = static_cast<std::streamoff>(elements * sizeof(float));
  if (!file) throw RunError(path + ": cannot be read");
  if (file.tellg() != bytes) {
    throw RunError(path + ": expected " + std::to_string(elements) + " f32, " +
                   std::to_string(bytes) + " bytes, but it has " + std::to_string(file.tellg()));
  }
  std::vector<float> values(elements);
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(values.data()), bytes)) {
    throw RunError(path + ": cannot be read");
  }
  return values;
}

/// Numbers from -1 to 1, the same for the same seed.
std::vector<float> make_input(size_t elements, uint32_t seed) {
  std::vector<float> values(elements);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

void write_output(const std::string& path, const std::vector<float>& values) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
  if (!file.flush()) throw RunError(path + ": cannot be written");
}

void check(const std::optional<OpenError>& error) {
  if (error) throw RunError(error->message + " (" + error->code + ")");
}

/// What a run reads and writes.
struct Tensors {
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<float>> outputs;
  std::vector<const float*> from;
  std::vector<float*> to;
};

Tensors make_tensors(const Options& options, const Program& program) {
  if (options.inputs.size() > program.input_count ||
      options.outputs.size() > program.output_count) {
    throw RunError("the program has " + std::to_string(program.input_count) + " inputs and " +
                   std::to_string(program.output_count) + " outputs");
  }
  Tensors tensors;
  for (uint32_t i = 0; i < program.input_count; i++) {
    const size_t elements = program.bindings[i].elements;
    tensors.inputs.push_back(i < options.inputs.size() ? read_input(options.inputs[i], elements)
                                                       : make_input(elements, i + 1));
  }
  for (uint32_t i = 0; i < program.output_count; i++) {
    tensors.outputs.emplace_back(program.bindings[program.input_count + i].elements);
  }
  for (const auto& input : tensors.inputs) tensors.from.push_back(input.data());
  for (auto& output : tensors.outputs) tensors.to.push_back(output.data());
  return tensors;
}

bool run_once(SessionState& state, Tensors& tensors, IndexFault& fault) {
  if (state.gpu) {
    state.gpu->take_inputs(tensors.from.data());
    return state.gpu->run(tensors.to.data(), {state.aborted, fault});
  }
  return execute({.program = state.program,
                  .arena = state.arena.data(),
                  .outputs = tensors.to.data(),
                  .workspace = state.workspace_pointers.data(),
                  .pool = *state.pool,
                  .kernels = *state.kernels,
                  .aborted = state.aborted,
                  .fault = fault,
                  .inputs = tensors.from.data()},
                 nullptr);
}

/// Milliseconds of each run.
std::vector<double> run_all(SessionState& state, Tensors& tensors, size_t runs) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  for (size_t i = 0; i < runs; i++) {
    if (state.pool) state.pool->wake();
    IndexFault fault;
    const Clock::time_point start = Clock::now();
    if (!run_once(state, tensors, fault)) {
      throw RunError("command " + std::to_string(fault.command) + " met index " +
                     std::to_string(fault.value) + " of an axis of " + std::to_string(fault.size));
    }
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  return times;
}

std::string device_name(const SessionState& state) {
  return state.gpu ? state.gpu->device().info().name : state.kernels->isa;
}

void run(const Options& options) {
  const Kernels* kernels = select_kernels(nullptr);
  SessionState state;
  check(adopt_program(read_program(options.program), state));
  check(options.on_gpu ? open_on_gpu({std::getenv("UNTANGLE_CUDA_DRIVER") != nullptr
                                          ? std::getenv("UNTANGLE_CUDA_DRIVER")
                                          : "",
                                      UINT64_MAX},
                                     state)
                       : open_on_cpu(options.threads, *kernels, state));
  Tensors tensors = make_tensors(options, state.program);
  std::vector<double> times = run_all(state, tensors, options.runs);
  for (size_t i = 0; i < options.outputs.size(); i++) {
    write_output(options.outputs[i], tensors.outputs[i]);
  }
  std::sort(times.begin(), times.end());
  std::printf(
      "{\"device\":\"%s\",\"runs\":%zu,\"medianMs\":%.4f,\"bestMs\":%.4f,\"hostBytes\":%zu,"
      "\"deviceBytes\":%zu}\n",
      device_name(state).c_str(), times.size(), times[times.size() / 2], times[0], state.bytes(),
      state.gpu ? state.gpu->device_bytes() : 0);
}

}  // namespace

}  // namespace untangle::runner

int main(int count, char** arguments) {
  using namespace untangle::runner;
  if (count == 2 && std::string(arguments[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  try {
    run(parse_options(count, arguments));
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "untangle_run: %s\n\n%s", error.what(), kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "untangle_run: %s\n", error.what());
    return 1;
  }
}
