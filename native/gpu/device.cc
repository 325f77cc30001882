#include "native/gpu/device.h"

#include <mutex>

#include "native/gpu/images.h"
#include "native/gpu/nvrtc.h"

namespace untangle::gpu {

namespace {

constexpr const char* kKernelNames[] = {
#define UNTANGLE_GPU_KERNEL(name, Params, threads, synchronizes) "untangle_" #name,
#include "native/gpu/kernels/kernels.def"
#undef UNTANGLE_GPU_KERNEL
};

int attribute(const Driver& driver, int name, int device) {
  int value = 0;
  check(driver, "cuDeviceGetAttribute", driver.device_attribute(&value, name, device));
  return value;
}

}  // namespace

std::shared_ptr<const Device> Device::open(const std::string& driver_path) {
  static std::mutex mutex;
  static std::weak_ptr<const Device> shared;
  const std::lock_guard lock(mutex);
  const std::shared_ptr<const Driver> driver = open_driver(driver_path);
  std::shared_ptr<const Device> device = shared.lock();
  if (device != nullptr && !device->is_lost() && &device->driver() == driver.get()) return device;
  device = std::make_shared<const Device>(driver);
  shared = device;
  return device;
}

Device::Device(std::shared_ptr<const Driver> driver) : driver_(std::move(driver)) {
  int count = 0;
  check(*driver_, "cuDeviceGetCount", driver_->device_count(&count));
  if (count == 0) throw NoDriver("the CUDA driver finds no GPU (" + driver_->path + ")");
  check(*driver_, "cuDeviceGet", driver_->device_get(&ordinal_, 0));
  read_info();
  cublas_ = open_cublas(*driver_, no_cublas_reason_);
  info_.has_cublas = cublas_ != nullptr;
  check(*driver_, "cuDevicePrimaryCtxRetain", driver_->context_retain(&context_, ordinal_));
  try {
    load_kernels();
  } catch (...) {
    if (module_ != nullptr) driver_->module_unload(module_);
    driver_->context_release(ordinal_);
    throw;
  }
}

Device::~Device() {
  driver_->context_set(context_);
  driver_->module_unload(module_);
  driver_->context_release(ordinal_);
}

void Device::make_current() const {
  check(*driver_, "cuCtxSetCurrent", driver_->context_set(context_));
}

void Device::read_info() {
  char name[256] = {};
  check(*driver_, "cuDeviceGetName", driver_->device_name(name, sizeof(name) - 1, ordinal_));
  info_.name = driver_->is_emulated ? std::string(name) + " (emulated)" : name;
  info_.compute_major = attribute(*driver_, kComputeMajor, ordinal_);
  info_.compute_minor = attribute(*driver_, kComputeMinor, ordinal_);
  info_.multiprocessors = static_cast<uint32_t>(attribute(*driver_, kMultiprocessors, ordinal_));
  info_.clock_khz = attribute(*driver_, kClockKhz, ordinal_);
  info_.is_integrated = attribute(*driver_, kIntegrated, ordinal_) != 0;
  info_.can_map_host_memory = attribute(*driver_, kCanMapHostMemory, ordinal_) != 0;
  info_.maps_host_memory = info_.is_integrated && info_.can_map_host_memory;
  check(*driver_, "cuDeviceTotalMem", driver_->device_memory(&info_.memory_bytes, ordinal_));
  check(*driver_, "cuDriverGetVersion", driver_->driver_version(&info_.driver_version));
}

/// The embedded image where it fits, and else what the board's own compiler makes.
Status Device::load_module() {
  const void* embedded = embedded_fatbin().data();
  if (driver_->is_emulated) embedded = "emulated";
  if (embedded != nullptr) {
    const Status status = driver_->module_load(&module_, embedded);
    if (status != kNoImage && status != kBadPtx) return status;
  }
  const std::string lacks = embedded != nullptr
                                ? "no kernels for " + info_.name
                                : "no kernels, as nvcc was not found when it was made";
  try {
    const int compute = info_.compute_major * 10 + info_.compute_minor;
    const std::vector<char> image = cached_kernels(*driver_, compute);
    return driver_->module_load(&module_, image.data());
  } catch (const NoDriver& error) {
    throw NoDriver("this build has " + lacks +
                   ", and this machine cannot compile them: " + error.what());
  }
}

size_t Device::free_bytes() const {
  size_t free = 0;
  size_t total = 0;
  check(*driver_, "cuMemGetInfo", driver_->memory_info(&free, &total));
  return free;
}

void Device::load_kernels() {
  make_current();
  const size_t before = free_bytes();
  check(*driver_, "cuModuleLoadData", load_module());
  const size_t after = free_bytes();
  info_.kernels_bytes = before > after ? before - after : 0;  // others come and go meanwhile
  for (size_t i = 0; i < kKernelCount; i++) {
    check(*driver_, "cuModuleGetFunction",
          driver_->module_function(&functions_[i], module_, kKernelNames[i]));
  }
}

DeviceMemory allocate_device(const std::shared_ptr<const Device>& device, size_t bytes) {
  DevicePointer pointer = 0;
  check(device->driver(), "cuMemAlloc", device->driver().memory_alloc(&pointer, bytes));
  return {device, pointer, &Driver::memory_free};
}

HostMemory allocate_host(const std::shared_ptr<const Device>& device, size_t bytes) {
  void* pointer = nullptr;
  const unsigned flags = device->info().can_map_host_memory ? kHostAllocDeviceMap : 0;
  check(device->driver(), "cuMemHostAlloc", device->driver().host_alloc(&pointer, bytes, flags));
  return {device, pointer, &Driver::host_free};
}

DevicePointer mapped_address(const Device& device, void* host) {
  if (!device.info().can_map_host_memory) return 0;
  DevicePointer pointer = 0;
  check(device.driver(), "cuMemHostGetDevicePointer",
        device.driver().host_device_pointer(&pointer, host, 0));
  return pointer;
}

Stream make_stream(const std::shared_ptr<const Device>& device) {
  StreamHandle stream = nullptr;
  check(device->driver(), "cuStreamCreate",
        device->driver().stream_create(&stream, kStreamNonBlocking));
  return {device, stream, &Driver::stream_destroy};
}

Event make_event(const std::shared_ptr<const Device>& device) {
  EventHandle event = nullptr;
  check(device->driver(), "cuEventCreate", device->driver().event_create(&event, 0));
  return {device, event, &Driver::event_destroy};
}

}  // namespace untangle::gpu
