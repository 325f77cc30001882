// When each command of a run began and ended, and which thread worked on it when: what profiling
// records. All memory is taken when it is made.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace untangle {

/// A thread's work on a command without a break; times in milliseconds after the run began.
struct WorkSpan {
  uint32_t command;
  uint32_t thread;
  uint32_t items;  // pieces of the command's work
  double start_ms;
  double end_ms;
  double busy_ms;  // less than end - start where short breaks were not worth a span
};

class Timeline {
 public:
  using Clock = std::chrono::steady_clock;

  Timeline(size_t commands, size_t threads);

  /// Of the thread that executes the commands.
  void begin_command(size_t command);
  void end_command(size_t command);
  /// Of commands whose times others measured.
  void set_command(size_t command, double start_ms, double ms);

  /// `items` of the current command done by `thread`, which alone calls this for itself, while the
  /// command runs. Thousands of short spans join their neighbours, so that none is lost.
  void add_work(size_t thread, Clock::time_point start, Clock::time_point end, size_t items);

  double ms_at(Clock::time_point time) const {
    return std::chrono::duration<double, std::milli>(time - began_).count();
  }

  /// One per command, once nothing runs.
  const std::vector<double>& starts_ms() const { return starts_ms_; }
  const std::vector<double>& times_ms() const { return times_ms_; }
  /// By thread, then by time, once nothing runs.
  std::vector<WorkSpan> work() const;

 private:
  const Clock::time_point began_ = Clock::now();
  size_t current_ = 0;
  size_t capacity_;
  std::vector<double> starts_ms_;
  std::vector<double> times_ms_;
  std::vector<std::vector<WorkSpan>> work_;  // by thread
};

}  // namespace untangle
