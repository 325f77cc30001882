// What the emulated driver keeps, and what every call of it begins with.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "native/gpu/driver.h"

namespace untangle::gpu {

inline constexpr Status kInvalidValue = 1;
inline constexpr Status kNotFound = 500;
inline constexpr Status kLaunchFailed = 719;

// Memory comes in pages of this size, as the real driver's does.
inline constexpr size_t kPage = size_t{2} << 20;

using Work = std::function<void()>;

struct Stream {
  std::vector<Work> queue;
  std::vector<Work>* captured = nullptr;

  void add(Work work) { (captured != nullptr ? *captured : queue).push_back(std::move(work)); }
  void drain() {
    std::vector<Work> works;
    works.swap(queue);
    for (const Work& work : works) work();
  }
};

struct Graph {
  std::vector<Work> works;
};

struct Emulator {
  std::recursive_mutex mutex;
  std::map<uintptr_t, size_t> device_memory;
  std::map<uintptr_t, size_t> host_memory;
  std::set<uintptr_t> mapped_memory;  // of the host's: what kernels may touch
  std::set<void*> objects;            // streams, events, modules, graphs
  size_t used_bytes = 0;
  size_t contexts = 0;
  long calls = 0;
  long failing_call = 0;  // 0: none
  Status failing_status = kOutOfMemory;
  const char* failed_name = "none";
  bool is_broken = false;  // a launch failed: nothing works until the context is gone
  std::vector<Stream*> streams;
  Stream default_stream;  // of calls that name none

  Emulator() {
    const char* text = std::getenv("UNTANGLE_EMULATOR_FAIL");
    if (text == nullptr) return;
    char* end = nullptr;
    failing_call = std::strtol(text, &end, 10);
    if (*end == ':') failing_status = static_cast<Status>(std::strtol(end + 1, nullptr, 10));
  }

  size_t total_bytes() const {
    const char* text = std::getenv("UNTANGLE_EMULATOR_MEMORY");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : size_t{8} << 30;
  }

  void drain_default() { default_stream.drain(); }

  /// Counts a call and says how it fails, if it does.
  Status enter(const char* name) {
    calls++;
    if (calls == failing_call) {
      failed_name = name;
      if (failing_status == kLaunchFailed && contexts > 0) is_broken = true;
      return failing_status;
    }
    return is_broken ? kLaunchFailed : kSuccess;
  }

  static bool holds(const std::map<uintptr_t, size_t>& memory, uintptr_t at, size_t bytes) {
    const auto after = memory.upper_bound(at);
    if (after == memory.begin()) return false;
    const auto& [start, size] = *std::prev(after);
    return at - start <= size && bytes <= size - (at - start);
  }

  template <typename T>
  T* make() {
    T* object = new T();
    objects.insert(object);
    return object;
  }
  template <typename T>
  void end(T* object) {
    if (objects.erase(object) > 0) delete object;
  }
};

Emulator& emulator();

inline Stream* of(StreamHandle handle) { return reinterpret_cast<Stream*>(handle); }

// Every call: one at a time, counted, and perhaps made to fail.
#define UNTANGLE_ENTER()               \
  Emulator& e = emulator();            \
  const std::lock_guard lock(e.mutex); \
  if (const Status failed = e.enter(__func__); failed != kSuccess) return failed
// What gives something back does so even when it says that it failed.
#define UNTANGLE_ENTER_RELEASE()       \
  Emulator& e = emulator();            \
  const std::lock_guard lock(e.mutex); \
  const Status status = e.enter(__func__)

extern "C" {
#define UNTANGLE_CUDA(name, symbol, arguments) Status symbol arguments;
#include "native/gpu/driver.def"
#undef UNTANGLE_CUDA
Status cuGraphInstantiateWithFlags(GraphExecHandle* exec, GraphHandle graph,
                                   unsigned long long flags);
}

}  // namespace untangle::gpu
