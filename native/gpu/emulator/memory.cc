// Memory of the emulated device, and what is copied at once.

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "native/gpu/emulator/state.h"

namespace untangle::gpu {

extern "C" {

Status cuMemGetInfo_v2(size_t* free, size_t* total) {
  UNTANGLE_ENTER();
  *total = e.total_bytes();
  *free = *total - e.used_bytes;
  return kSuccess;
}

Status cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) {
  UNTANGLE_ENTER();
  const size_t rounded = (bytes + kPage - 1) / kPage * kPage;
  if (bytes == 0) return kInvalidValue;
  if (rounded > e.total_bytes() - e.used_bytes) return kOutOfMemory;
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (memory == nullptr) return kOutOfMemory;
  std::memset(memory, 0xff, bytes);  // no number: whoever reads what was never written shows it
  e.used_bytes += rounded;
  *pointer = reinterpret_cast<DevicePointer>(memory);
  e.device_memory[*pointer] = bytes;
  return kSuccess;
}

Status cuMemFree_v2(DevicePointer pointer) {
  UNTANGLE_ENTER_RELEASE();
  const auto found = e.device_memory.find(pointer);
  if (found == e.device_memory.end()) return kInvalidValue;
  e.drain_default();
  for (Stream* stream : e.streams) stream->drain();
  e.used_bytes -= (found->second + kPage - 1) / kPage * kPage;
  e.device_memory.erase(found);
  std::free(reinterpret_cast<void*>(pointer));
  return status;
}

Status cuMemsetD8_v2(DevicePointer pointer, unsigned char value, size_t bytes) {
  UNTANGLE_ENTER();
  if (!Emulator::holds(e.device_memory, pointer, bytes)) return kInvalidValue;
  e.default_stream.add([=] { std::memset(reinterpret_cast<void*>(pointer), value, bytes); });
  return kSuccess;
}

Status cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  UNTANGLE_ENTER();
  if (bytes == 0) return kInvalidValue;
  *pointer = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*pointer == nullptr) return kOutOfMemory;
  const auto at = reinterpret_cast<uintptr_t>(*pointer);
  e.host_memory[at] = bytes;
  if (flags == kHostAllocDeviceMap) e.mapped_memory.insert(at);
  return kSuccess;
}

Status cuMemHostGetDevicePointer_v2(DevicePointer* pointer, void* host, unsigned flags) {
  UNTANGLE_ENTER();
  const auto at = reinterpret_cast<uintptr_t>(host);
  if (flags != 0 || e.mapped_memory.count(at) == 0) return kInvalidValue;
  *pointer = at;
  return kSuccess;
}

Status cuMemFreeHost(void* pointer) {
  UNTANGLE_ENTER_RELEASE();
  if (e.host_memory.erase(reinterpret_cast<uintptr_t>(pointer)) == 0) return kInvalidValue;
  e.mapped_memory.erase(reinterpret_cast<uintptr_t>(pointer));
  std::free(pointer);
  return status;
}

Status cuMemcpyHtoD_v2(DevicePointer to, const void* from, size_t bytes) {
  UNTANGLE_ENTER();
  if (!Emulator::holds(e.device_memory, to, bytes)) return kInvalidValue;
  // The source may change when this returns, but the device has it only when somebody waits.
  const auto* first = static_cast<const char*>(from);
  const auto staged = std::make_shared<std::vector<char>>(first, first + bytes);
  e.default_stream.add([=] { std::memcpy(reinterpret_cast<void*>(to), staged->data(), bytes); });
  return kSuccess;
}

Status cuMemcpyDtoH_v2(void* to, DevicePointer from, size_t bytes) {
  UNTANGLE_ENTER();
  if (!Emulator::holds(e.device_memory, from, bytes)) return kInvalidValue;
  e.drain_default();
  std::memcpy(to, reinterpret_cast<void*>(from), bytes);
  return kSuccess;
}

}  // extern "C"

}  // namespace untangle::gpu
