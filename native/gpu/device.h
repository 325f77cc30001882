// One GPU with our kernels loaded, shared by the sessions of a process.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "native/gpu/cublas.h"
#include "native/gpu/driver.h"

namespace untangle::gpu {

/// kernels.def as an enum.
enum class Kernel : uint32_t {
#define UNTANGLE_GPU_KERNEL(name, Params, threads, synchronizes) name,
#include "native/gpu/kernels/kernels.def"
#undef UNTANGLE_GPU_KERNEL
  kCount
};

inline constexpr size_t kKernelCount = static_cast<size_t>(Kernel::kCount);

/// Threads of a block of each kernel.
inline constexpr std::array<uint32_t, kKernelCount> kKernelThreads = {
#define UNTANGLE_GPU_KERNEL(name, Params, threads, synchronizes) threads,
#include "native/gpu/kernels/kernels.def"
#undef UNTANGLE_GPU_KERNEL
};

/// How precise products of gemmTaps have to be; sums are f32 always.
enum class Precision : uint32_t { kF32, kTf32, kF16 };

struct DeviceInfo {
  std::string name;
  int compute_major = 0;
  int compute_minor = 0;
  uint32_t multiprocessors = 0;
  int clock_khz = 0;
  bool is_integrated = false;
  /// It shares the host's memory, and kernels reach what is pinned there where it lies.
  bool maps_host_memory = false;
  /// Kernels can read pinned memory, over whatever bus lies between.
  bool can_map_host_memory = false;
  size_t memory_bytes = 0;
  // Measured when the device was opened; no session counts them.
  size_t kernels_bytes = 0;
  /// Ampere's and later.
  bool has_tensor_cores() const { return compute_major >= 8; }
  int driver_version = 0;  // 1000 * major + 10 * minor of CUDA
  bool has_cublas = false;
};

class Device {
 public:
  /// The first GPU of a driver (driver.h), the same one as long as some session has it. Throws
  /// NoDriver, GpuFailure.
  static std::shared_ptr<const Device> open(const std::string& driver_path);

  explicit Device(std::shared_ptr<const Driver> driver);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const Driver& driver() const { return *driver_; }
  /// Null where there is none, for a reason.
  const std::shared_ptr<const Cublas>& cublas() const { return cublas_; }
  const std::string& no_cublas_reason() const { return no_cublas_reason_; }
  const DeviceInfo& info() const { return info_; }
  FunctionHandle function(Kernel kernel) const { return functions_[static_cast<size_t>(kernel)]; }

  ContextHandle context() const { return context_; }
  /// Makes the device's context the calling thread's.
  void make_current() const;
  /// Bytes that nobody has, of any process.
  size_t free_bytes() const;

  /// After a failure that ends the context: new sessions open the device afresh.
  void mark_lost() const { is_lost_ = true; }
  bool is_lost() const { return is_lost_; }

 private:
  void read_info();
  Status load_module();
  void load_kernels();

  std::shared_ptr<const Driver> driver_;
  std::shared_ptr<const Cublas> cublas_;
  std::string no_cublas_reason_;
  DeviceInfo info_;
  int ordinal_ = 0;
  ContextHandle context_ = nullptr;
  ModuleHandle module_ = nullptr;
  std::array<FunctionHandle, kKernelCount> functions_{};
  mutable std::atomic<bool> is_lost_{false};
};

/// Something of the driver's that has to be given back.
template <typename Handle>
class Owned {
 public:
  using Release = Status (*Driver::*)(Handle);

  Owned() = default;
  Owned(std::shared_ptr<const Device> device, Handle handle, Release release)
      : device_(std::move(device)), handle_(handle), release_(release) {}
  Owned(Owned&& other) noexcept { swap(other); }
  Owned& operator=(Owned&& other) noexcept {
    Owned(std::move(other)).swap(*this);
    return *this;
  }
  ~Owned() {
    if (device_ == nullptr) return;
    const Driver& driver = device_->driver();
    (driver.*release_)(handle_);  // whatever it answers, there is nothing left to do
  }

  Handle get() const { return handle_; }
  explicit operator bool() const { return device_ != nullptr; }

 private:
  void swap(Owned& other) {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
    std::swap(release_, other.release_);
  }

  std::shared_ptr<const Device> device_;
  Handle handle_{};
  Release release_ = nullptr;
};

using DeviceMemory = Owned<DevicePointer>;
using HostMemory = Owned<void*>;
using Stream = Owned<StreamHandle>;
using Event = Owned<EventHandle>;
using Graph = Owned<GraphHandle>;
using GraphExec = Owned<GraphExecHandle>;

DeviceMemory allocate_device(const std::shared_ptr<const Device>& device, size_t bytes);
/// Memory that the device copies from and to by itself, or, where it maps_host_memory, that kernels
/// read and write.
HostMemory allocate_host(const std::shared_ptr<const Device>& device, size_t bytes);
/// Where kernels find memory of allocate_host; 0 on devices that cannot.
DevicePointer mapped_address(const Device& device, void* host);
Stream make_stream(const std::shared_ptr<const Device>& device);
Event make_event(const std::shared_ptr<const Device>& device);

}  // namespace untangle::gpu
