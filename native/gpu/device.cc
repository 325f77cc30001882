#include "native/gpu/device.h"

#include <mutex>

#include "native/gpu/images.h"

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
  info_.is_integrated = attribute(*driver_, kIntegrated, ordinal_) != 0;
  check(*driver_, "cuDeviceTotalMem", driver_->device_memory(&info_.memory_bytes, ordinal_));
  check(*driver_, "cuDriverGetVersion", driver_->driver_version(&info_.driver_version));
}

void Device::load_kernels() {
  make_current();
  const void* image = embedded_fatbin().data();
  if (driver_->is_emulated) image = "emulated";  // it has the kernels itself
  if (image == nullptr)
    throw NoDriver("this build has no kernels for GPUs: nvcc was not found when it was made");
  const Status status = driver_->module_load(&module_, image);
  if (status == kNoImage) {
    throw NoDriver("this build has no kernels for " + info_.name + " (compute capability " +
                   std::to_string(info_.compute_major) + "." + std::to_string(info_.compute_minor) +
                   ")");
  }
  check(*driver_, "cuModuleLoadData", status);
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
  check(device->driver(), "cuMemHostAlloc", device->driver().host_alloc(&pointer, bytes, 0));
  return {device, pointer, &Driver::host_free};
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
