// The same programs on a GPU, where there is one: the driver that UNTANGLE_CUDA_DRIVER names.

#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

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
  gpu::check(driver, "cuMemcpyHtoD",
             driver.upload(session.arena(), arena.data(), arena.size_bytes()));
  gpu::check(driver, "cuStreamSynchronize", driver.stream_synchronize(nullptr));
  const std::atomic<bool> aborted{false};
  IndexFault fault;
  CHECK(session.run(nullptr, {aborted, fault}), "a run on the GPU");
  std::vector<float> result(arena.size());
  gpu::check(driver, "cuMemcpyDtoH",
             driver.download(result.data(), session.arena(), arena.size_bytes()));
  return result;
}

}  // namespace untangle::test
