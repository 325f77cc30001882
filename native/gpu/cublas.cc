#include "native/gpu/cublas.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <vector>

namespace untangle::gpu {

namespace {

std::shared_ptr<const Cublas> load(const std::string& path, std::string& reason) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    reason = dlerror();
    return nullptr;
  }
  auto cublas = std::make_shared<Cublas>();
  cublas->path = path;
  const auto find = [&](const char* symbol, auto& function) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, symbol));
    if (function == nullptr && reason.empty()) reason = path + " has no " + symbol;
  };
#define UNTANGLE_CUBLAS(name, symbol, arguments) find(#symbol, cublas->name);
#include "native/gpu/cublas.def"
#undef UNTANGLE_CUBLAS
  if (!reason.empty()) return nullptr;
  using SetWorkspace = decltype(cublas->set_workspace);
  cublas->set_workspace = reinterpret_cast<SetWorkspace>(dlsym(library, "cublasSetWorkspace_v2"));
  return cublas;
}

}  // namespace

std::shared_ptr<const Cublas> open_cublas(const Driver& driver, std::string& reason) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Cublas>> opened;
  const std::lock_guard lock(mutex);
  std::vector<std::string> places = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11",
                                     "libcublas.so.10"};
  if (driver.is_emulated) places = {driver.path};
  for (const std::string& place : places) {
    if (const auto known = opened.find(place); known != opened.end()) return known->second;
    std::string problem;
    if (auto cublas = load(place, problem)) return opened[place] = cublas;
    if (reason.empty()) reason = problem;
  }
  return nullptr;
}

void check_cublas(const char* call, Status status) {
  if (status == kSuccess) return;
  throw GpuFailure(std::string(call) + " failed with cuBLAS status " + std::to_string(status),
                   status == kCublasAllocFailed ? kOutOfMemory : status);
}

}  // namespace untangle::gpu
