// A CUDA driver without a GPU, for tests only: memory of the host, streams that do nothing until
// somebody waits for them (so that a forgotten wait shows), launches run block by block.
//
// UNTANGLE_EMULATOR_FAIL=N makes the N-th call fail with out-of-memory, N:STATUS with that status;
// untangle_emulator_fail does the same from now on. UNTANGLE_EMULATOR_MEMORY sets the bytes there
// are; UNTANGLE_EMULATOR_NO_IMAGE makes it take no image but what its own compiler made;
// UNTANGLE_EMULATOR_COMPUTE=53 gives it another compute capability than 8.0;
// UNTANGLE_EMULATOR_INTEGRATED makes it a GPU that shares the host's memory.

#include <cstring>

#include "native/gpu/emulator/block.h"
#include "native/gpu/emulator/state.h"

namespace untangle::gpu {

namespace {

struct Module {};

int compute_capability() {
  const char* text = std::getenv("UNTANGLE_EMULATOR_COMPUTE");
  return text != nullptr ? static_cast<int>(std::strtol(text, nullptr, 10)) : 80;
}

}  // namespace

Emulator& emulator() {
  // Never destroyed: what lives until the end of the process gives its handles back after it.
  static Emulator& instance = *new Emulator();
  return instance;
}

extern "C" {

void untangle_emulated_device() {}

/// The `call`-th call from now on fails with `status`; 0: none does.
void untangle_emulator_fail(long call, int status) {
  Emulator& e = emulator();
  const std::lock_guard lock(e.mutex);
  e.failing_call = call == 0 ? 0 : e.calls + call;
  e.failing_status = status;
}

/// The function whose call was made to fail last.
const char* untangle_emulator_failed() { return emulator().failed_name; }

long untangle_emulator_calls() { return emulator().calls; }

/// Objects, allocations and contexts that nobody has given back.
size_t untangle_emulator_live() {
  Emulator& e = emulator();
  const std::lock_guard lock(e.mutex);
  return e.objects.size() + e.device_memory.size() + e.host_memory.size() + e.contexts;
}

size_t untangle_emulator_used_bytes() { return emulator().used_bytes; }

Status cuInit(unsigned) { return kSuccess; }

Status cuDriverGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}

Status cuGetErrorName(Status status, const char** name) {
  switch (status) {
    case kSuccess:
      *name = "CUDA_SUCCESS";
      return kSuccess;
    case kInvalidValue:
      *name = "CUDA_ERROR_INVALID_VALUE";
      return kSuccess;
    case kOutOfMemory:
      *name = "CUDA_ERROR_OUT_OF_MEMORY";
      return kSuccess;
    case kLaunchFailed:
      *name = "CUDA_ERROR_LAUNCH_FAILED";
      return kSuccess;
    default:
      return kInvalidValue;
  }
}

Status cuDeviceGetCount(int* count) {
  UNTANGLE_ENTER();
  *count = 1;
  return kSuccess;
}

Status cuDeviceGet(int* device, int ordinal) {
  UNTANGLE_ENTER();
  if (ordinal != 0) return kInvalidValue;
  *device = 0;
  return kSuccess;
}

Status cuDeviceGetName(char* name, int bytes, int) {
  UNTANGLE_ENTER();
  std::strncpy(name, "test device", static_cast<size_t>(bytes));
  return kSuccess;
}

Status cuDeviceGetAttribute(int* value, int attribute, int) {
  UNTANGLE_ENTER();
  switch (attribute) {
    case kMultiprocessors:
      *value = 8;
      break;
    case kComputeMajor:
      *value = compute_capability() / 10;
      break;
    case kComputeMinor:
      *value = compute_capability() % 10;
      break;
    case kIntegrated:
      *value = std::getenv("UNTANGLE_EMULATOR_INTEGRATED") != nullptr ? 1 : 0;
      break;
    case kCanMapHostMemory:
      *value = 1;
      break;
    case kClockKhz:
      *value = 1000000;
      break;
    default:
      *value = 0;
  }
  return kSuccess;
}

Status cuDeviceTotalMem_v2(size_t* bytes, int) {
  UNTANGLE_ENTER();
  *bytes = e.total_bytes();
  return kSuccess;
}

Status cuDevicePrimaryCtxRetain(ContextHandle* context, int) {
  UNTANGLE_ENTER();
  e.contexts++;
  *context = reinterpret_cast<ContextHandle>(&e);
  return kSuccess;
}

Status cuDevicePrimaryCtxRelease_v2(int) {
  UNTANGLE_ENTER_RELEASE();
  if (e.contexts > 0 && --e.contexts == 0) e.is_broken = false;
  return status;
}

Status cuCtxSetCurrent(ContextHandle) {
  UNTANGLE_ENTER();
  return kSuccess;
}

Status cuModuleLoadData(ModuleHandle* module, const void* image) {
  UNTANGLE_ENTER();
  if (image == nullptr) return kInvalidValue;
  // As on a board that is newer than the build: only what was compiled there fits.
  const bool wants_own = std::getenv("UNTANGLE_EMULATOR_NO_IMAGE") != nullptr;
  if (wants_own && std::strcmp(static_cast<const char*>(image), "emulated ptx") != 0)
    return kNoImage;
  *module = reinterpret_cast<ModuleHandle>(e.make<Module>());
  return kSuccess;
}

Status cuModuleUnload(ModuleHandle module) {
  UNTANGLE_ENTER_RELEASE();
  e.end(reinterpret_cast<Module*>(module));
  return status;
}

Status cuModuleGetFunction(FunctionHandle* function, ModuleHandle, const char* name) {
  UNTANGLE_ENTER();
  const EmulatedKernel* kernel = find_kernel(name);
  if (kernel == nullptr) return kNotFound;
  *function = reinterpret_cast<FunctionHandle>(const_cast<EmulatedKernel*>(kernel));
  return kSuccess;
}

}  // extern "C"

}  // namespace untangle::gpu
