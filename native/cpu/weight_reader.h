// Reads streamed weights ahead of their use, on a thread of its own.

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "native/program/format.h"

namespace untangle {

/// Where the streamed weights of a program are: in its file, or in memory.
struct WeightSource {
  int file = -1;        // a descriptor that the reader closes; -1: memory
  uint64_t offset = 0;  // of the weights in the file
  std::span<const std::byte> memory{};
};

/// Fills ranges of the arena in the order it is asked to. Everything is allocated and started by
/// the constructor; nothing is relied on but that reading the file gives what was written to it,
/// and that is checked.
class WeightReader {
 public:
  /// Throws std::system_error when there is no thread to be had, or std::bad_alloc; the file is the
  /// caller's then.
  WeightReader(WeightSource source, std::byte* arena);
  /// Waits for a read of at most kPieceBytes.
  ~WeightReader();
  WeightReader(const WeightReader&) = delete;
  WeightReader& operator=(const WeightReader&) = delete;

  // For the thread that runs the program.

  /// A run begins, which ends early when `aborted` is set.
  void begin(const std::atomic<bool>& aborted);
  /// Begins to read; waits for an earlier load when kMaxLoads are under way.
  void start(const LoadCommand& load);
  /// Waits until so many loads since begin() are complete; false when the run is aborted or a load
  /// failed.
  bool wait(uint32_t loads);
  /// The run is over, however: nothing is read any more once this returns.
  void end();

  // For any thread.

  /// Lets wait() and a read that is under way look at `aborted`.
  void wake();

  /// Why a load of the last run failed, as part of a sentence; empty when none did. Not during a
  /// run.
  std::string failure() const;

  /// Between two of these a read looks whether it is still wanted.
  static constexpr size_t kPieceBytes = size_t{256} << 10;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace untangle
