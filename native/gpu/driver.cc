#include "native/gpu/driver.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string_view>
#include <vector>

namespace untangle::gpu {

namespace {

// Older JetPacks keep it outside the loader's folders.
constexpr const char* kPlaces[] = {"libcuda.so.1", "/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1"};

std::string describe(const Driver& driver, const char* call, Status status) {
  const char* name = nullptr;
  const bool is_known = driver.error_name != nullptr &&
                        driver.error_name(status, &name) == kSuccess && name != nullptr;
  return std::string(call) + " failed with " + (is_known ? name : std::to_string(status));
}

}  // namespace

GpuFailure::GpuFailure(const Driver& driver, const char* call, Status status)
    : std::runtime_error(describe(driver, call, status)), status_(status) {}

Status Driver::graph_instantiate(GraphExecHandle* exec, GraphHandle graph) const {
  if (instantiate_flags_ != nullptr) return instantiate_flags_(exec, graph, 0);
  return instantiate_v2_(exec, graph, nullptr, nullptr, 0);
}

/// Opens one library and finds all functions in it.
class DriverLoader {
 public:
  static std::shared_ptr<const Driver> load(const std::string& path) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw NoDriver("the CUDA driver could not be opened: " + std::string(dlerror()));
    }
    auto driver = std::make_shared<Driver>();
    driver->path = path;
    driver->is_emulated = dlsym(library, "untangle_emulated_device") != nullptr;
#define UNTANGLE_CUDA(name, symbol, arguments) find(library, path, #symbol, driver->name);
#include "native/gpu/driver.def"
#undef UNTANGLE_CUDA
    const bool has_flags =
        find_optional(library, "cuGraphInstantiateWithFlags", driver->instantiate_flags_);
    const bool has_v2 =
        has_flags || find_optional(library, "cuGraphInstantiate_v2", driver->instantiate_v2_);
    if (!has_v2) find(library, path, "cuGraphInstantiate", driver->instantiate_v2_);
    const Status status = driver->init(0);
    if (status != kSuccess) throw NoDriver(describe(*driver, "cuInit", status) + " (" + path + ")");
    return driver;
  }

 private:
  template <typename F>
  static bool find_optional(void* library, const char* symbol, F& function) {
    function = reinterpret_cast<F>(dlsym(library, symbol));
    return function != nullptr;
  }

  template <typename F>
  static void find(void* library, const std::string& path, const char* symbol, F& function) {
    if (find_optional(library, symbol, function)) return;
    // In CUDA 10 the same function has its first name.
    const bool is_younger = std::string_view(symbol) == "cuDevicePrimaryCtxRelease_v2";
    if (is_younger && find_optional(library, "cuDevicePrimaryCtxRelease", function)) return;
    throw NoDriver(path + " has no " + symbol + ": a driver of CUDA 10.2 or later is needed");
  }
};

std::shared_ptr<const Driver> open_driver(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Driver>> opened;
  const std::lock_guard lock(mutex);
  std::vector<std::string> places(std::begin(kPlaces), std::end(kPlaces));
  if (!path.empty()) places = {path};
  std::string problem;
  for (const std::string& place : places) {
    if (const auto known = opened.find(place); known != opened.end()) return known->second;
    try {
      return opened[place] = DriverLoader::load(place);
    } catch (const NoDriver& error) {
      opened.erase(place);
      if (problem.empty()) problem = error.what();
    }
  }
  throw NoDriver(problem);
}

}  // namespace untangle::gpu
