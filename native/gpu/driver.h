// The CUDA driver, found at run time: nothing here needs CUDA to build, or to load.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace untangle::gpu {

// The driver's types, as its ABI has them since CUDA 10.
using Status = int;  // CUresult
using DevicePointer = unsigned long long;
using ContextHandle = struct ContextOpaque*;
using StreamHandle = struct StreamOpaque*;
using EventHandle = struct EventOpaque*;
using ModuleHandle = struct ModuleOpaque*;
using FunctionHandle = struct FunctionOpaque*;
using GraphHandle = struct GraphOpaque*;
using GraphExecHandle = struct GraphExecOpaque*;

inline constexpr Status kSuccess = 0;
inline constexpr Status kOutOfMemory = 2;
inline constexpr Status kNoDevice = 100;
inline constexpr Status kNoImage = 209;  // no image of a module for this device
inline constexpr Status kBadPtx = 222;   // PTX of a later CUDA than the driver's

// CUdevice_attribute
inline constexpr int kClockKhz = 13;
inline constexpr int kMultiprocessors = 16;
inline constexpr int kIntegrated = 18;
inline constexpr int kCanMapHostMemory = 19;
inline constexpr int kComputeMajor = 75;
inline constexpr int kComputeMinor = 76;

inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kHostAllocDeviceMap = 2;
inline constexpr int kCaptureThreadLocal = 1;  // calls of other threads may go on meanwhile

/// The functions of driver.def, and where they came from.
struct Driver {
#define UNTANGLE_CUDA(name, symbol, arguments) Status(*name) arguments = nullptr;
#include "native/gpu/driver.def"
#undef UNTANGLE_CUDA
  /// cuGraphInstantiateWithFlags, or what drivers before CUDA 11.4 have instead.
  Status graph_instantiate(GraphExecHandle* exec, GraphHandle graph) const;

  std::string path;
  bool is_emulated = false;

 private:
  friend class DriverLoader;
  Status (*instantiate_flags_)(GraphExecHandle*, GraphHandle, unsigned long long) = nullptr;
  Status (*instantiate_v2_)(GraphExecHandle*, GraphHandle, void*, char*, size_t) = nullptr;
};

/// Why there is no GPU to run on; a sentence.
class NoDriver : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A call of the driver that failed.
class GpuFailure : public std::runtime_error {
 public:
  GpuFailure(const Driver& driver, const char* call, Status status);
  GpuFailure(const std::string& message, Status status)
      : std::runtime_error(message), status_(status) {}
  bool is_out_of_memory() const { return status_ == kOutOfMemory; }
  Status status() const { return status_; }

 private:
  Status status_;
};

inline void check(const Driver& driver, const char* call, Status status) {
  if (status != kSuccess) throw GpuFailure(driver, call, status);
}

/// The driver in `path`, or the system's when that is empty; opened once. Throws NoDriver.
std::shared_ptr<const Driver> open_driver(const std::string& path);

}  // namespace untangle::gpu
