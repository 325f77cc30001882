// What a session owns in native memory. Knows no JavaScript, so that it may outlive its
// environment.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"
#include "native/gpu/session.h"
#include "native/program/program.h"

namespace untangle {

/// Memory at a 64-byte boundary, in large pages where it is large; nothing when the system refuses.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  static std::optional<AlignedBytes> allocate(size_t bytes, bool zeroed);
  /// Zeros whose pages, large or small ones, become real when they are written.
  static std::optional<AlignedBytes> allocate_fresh(size_t bytes, bool in_large_pages);

  std::byte* data() const { return data_.get(); }
  size_t size() const { return size_; }

  /// Gives back what lies behind the first `bytes`, as far as it is whole pages.
  void truncate(size_t bytes);

 private:
  struct Free {
    size_t mapped_bytes;  // 0 when it came from malloc
    void operator()(std::byte* data) const;
  };
  using Pointer = std::unique_ptr<std::byte[], Free>;

  static std::optional<AlignedBytes> map(size_t bytes, size_t rounded, bool in_large_pages);

  Pointer data_;
  size_t size_ = 0;
};

/// Shared by the JavaScript object and the run in flight; the last of them frees it.
struct SessionState {
  AlignedBytes file;  // tables and constants: `program` points into it
  Program program{};
  AlignedBytes arena;
  std::vector<AlignedBytes> workspaces;
  std::vector<std::byte*> workspace_pointers;
  const Kernels* kernels = nullptr;
  std::optional<ThreadPool> pool;
  std::unique_ptr<WeightReader> reader;  // of programs whose weights are streamed
  std::unique_ptr<gpu::GpuSession> gpu;  // then arena, workspaces and pool are empty
  std::atomic<bool> aborted{false};
  std::atomic<uint32_t> commands_done{0};  // by the run in flight or the last one
  // Touched on the JavaScript thread only.
  bool running = false;
  std::optional<double> recent_ms;  // the longest of the last runs, older ones weighing less
  // When the runs done on the JavaScript thread since it last had a break began.
  std::optional<std::chrono::steady_clock::time_point> inline_since;

  size_t bytes() const;
  /// Ends the run in flight soon.
  void abort();
};

/// What went wrong while opening; the code is one of src/errors.ts.
struct OpenError {
  const char* code;
  std::string message;
  uint64_t needed_bytes = 0;  // of ERR_BUDGET_EXCEEDED
};

/// Which GPU, and how much it may hold.
struct GpuChoice {
  std::string driver_path;  // empty: the system's
  uint64_t budget_bytes;    // on the device and pinned
  gpu::Precision precision = gpu::Precision::kF32;
};

OpenError describe(const gpu::GpuFailure& error);

/// Takes over a program and validates it.
std::optional<OpenError> adopt_program(AlignedBytes program, SessionState& state);

/// The same for a copy of a program that others may change.
std::optional<OpenError> adopt_program(std::span<const std::byte> program, SessionState& state);

/// Allocates all memory to run the program on the CPU and starts the threads.
///
/// `file` is the program's, for streamed weights that are not in memory; it stays the caller's.
std::optional<OpenError> open_on_cpu(size_t threads, const Kernels& kernels, SessionState& state,
                                     int file = -1);

/// What became of a run that ended early because weights could not be read; nothing when that is
/// not why.
std::optional<OpenError> read_failure(const SessionState& state);

/// Brings the program to a GPU; what it holds on the host is let go as far as the device has it.
std::optional<OpenError> open_on_gpu(const GpuChoice& choice, SessionState& state);

/// Threads a session may ask for; more than any board or server of today has.
inline constexpr size_t kMaxThreads = 1024;

}  // namespace untangle
