// Counts and refuses allocations of a test; included once in each.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace untangle::test {

inline std::atomic<size_t> allocations{0};      // so far, by all threads
inline std::atomic<long> live_blocks{0};        // not freed yet
inline std::atomic<long> allocations_left{-1};  // until one fails; never while negative

/// Whether an allocation may succeed; counts it.
inline bool may_allocate() {
  allocations.fetch_add(1);
  return allocations_left.load() < 0 || allocations_left.fetch_sub(1) != 0;
}

inline void* allocate_counted(size_t bytes, size_t alignment) {
  void* memory = nullptr;
  if (may_allocate()) {
    memory = alignment > alignof(std::max_align_t)
                 ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                 : std::malloc(bytes > 0 ? bytes : 1);
  }
  if (memory == nullptr) throw std::bad_alloc();
  live_blocks.fetch_add(1);
  return memory;
}

inline void free_counted(void* memory) noexcept {
  if (memory == nullptr) return;
  live_blocks.fetch_sub(1);
  std::free(memory);
}

/// Allocations while `work` runs, of whatever thread.
template <typename F>
size_t allocations_during(F&& work) {
  const size_t before = allocations.load();
  work();
  return allocations.load() - before;
}

}  // namespace untangle::test

void* operator new(size_t bytes) { return untangle::test::allocate_counted(bytes, 1); }
void* operator new[](size_t bytes) { return untangle::test::allocate_counted(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return untangle::test::allocate_counted(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { untangle::test::free_counted(memory); }
void operator delete[](void* memory) noexcept { untangle::test::free_counted(memory); }
void operator delete(void* memory, size_t) noexcept { untangle::test::free_counted(memory); }
void operator delete[](void* memory, size_t) noexcept { untangle::test::free_counted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept {
  untangle::test::free_counted(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  untangle::test::free_counted(memory);
}
