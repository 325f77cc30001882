// The same programs on a GPU, where there is one: the driver that UNTANGLE_CUDA_DRIVER names.

#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "native/gpu/half.h"
#include "native/gpu/session.h"
#include "native/gpu/widen.h"
#include "native/test/check.h"

namespace untangle::test {

inline std::shared_ptr<const gpu::Device>& kept_test_device() {
  static std::shared_ptr<const gpu::Device> device;
  return device;
}

/// The GPU to test on, or null. Without UNTANGLE_CUDA_DRIVER there is none: tests do not take a
/// machine's own unasked.
inline std::shared_ptr<const gpu::Device> test_device() {
  const char* driver = std::getenv("UNTANGLE_CUDA_DRIVER");
  if (driver == nullptr || *driver == '\0') return nullptr;
  std::shared_ptr<const gpu::Device>& device = kept_test_device();
  if (!device) device = gpu::Device::open(driver);
  return device;
}

/// Until it is asked for again.
inline void release_test_device() { kept_test_device().reset(); }

/// A half by the definition of binary16.
inline float half_value(uint16_t half) {
  const float fraction = static_cast<float>(half & 0x3ffu);
  const int exponent = half >> 10 & 31;
  const float finite =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0f + fraction, exponent - 25);
  const float magnitude = exponent < 31 ? finite : fraction == 0 ? INFINITY : NAN;
  return half >> 15 != 0 ? -magnitude : magnitude;
}

/// The arena after a run of `program`, which has neither inputs nor outputs, on `arena`.
inline std::vector<float> run_on_gpu(const Program& program, std::span<const float> arena,
                                     gpu::Precision precision = gpu::Precision::kF32) {
  Program alone = program;
  alone.bindings = {};
  alone.input_count = 0;
  alone.output_count = 0;
  alone.arena_bytes = static_cast<uint32_t>(arena.size_bytes());
  const gpu::WidenedProgram wide(alone);
  gpu::GpuSession session(test_device(), wide.program(), precision);
  const gpu::Driver& driver = session.device().driver();
  std::vector<uint16_t> halves(session.has_half_arena() ? arena.size() : 0);
  if (!halves.empty()) std::transform(arena.begin(), arena.end(), halves.begin(), gpu::to_half);
  const void* lying = halves.empty() ? static_cast<const void*>(arena.data()) : halves.data();
  const size_t bytes = halves.empty() ? arena.size_bytes() : halves.size() * sizeof(uint16_t);
  gpu::check(driver, "cuMemcpyHtoD", driver.upload(session.arena(), lying, bytes));
  gpu::check(driver, "cuStreamSynchronize", driver.stream_synchronize(nullptr));
  const std::atomic<bool> aborted{false};
  IndexFault fault;
  CHECK(session.run(nullptr, {aborted, fault}), "a run on the GPU");
  std::vector<float> result(arena.size());
  void* brought = halves.empty() ? static_cast<void*>(result.data()) : halves.data();
  gpu::check(driver, "cuMemcpyDtoH", driver.download(brought, session.arena(), bytes));
  if (!halves.empty()) std::transform(halves.begin(), halves.end(), result.begin(), half_value);
  return result;
}

}  // namespace untangle::test
