#include "native/program/timeline.h"

#include <algorithm>

namespace untangle {
namespace {

// Room for the stages of most commands; a thread's spans of a whole run take 100 KiB for 100.
constexpr size_t kSpansPerCommand = 24;
constexpr size_t kSpansInAll = size_t{1} << 20;

// A break shorter than this, in ms, is no break: handing out a job takes that long.
constexpr double kShortBreakMs = 0.002;

}  // namespace

Timeline::Timeline(size_t commands, size_t threads)
    : capacity_(std::min(commands * kSpansPerCommand, commands + kSpansInAll / threads)),
      starts_ms_(commands),
      times_ms_(commands),
      work_(threads) {
  for (std::vector<WorkSpan>& spans : work_) spans.reserve(capacity_);
}

void Timeline::begin_command(size_t command) {
  current_ = command;
  starts_ms_[command] = ms_at(Clock::now());
}

void Timeline::end_command(size_t command) {
  times_ms_[command] = ms_at(Clock::now()) - starts_ms_[command];
}

void Timeline::set_command(size_t command, double start_ms, double ms) {
  starts_ms_[command] = start_ms;
  times_ms_[command] = ms;
}

void Timeline::add_work(size_t thread, Clock::time_point start, Clock::time_point end,
                        size_t items) {
  std::vector<WorkSpan>& spans = work_[thread];
  const auto command = static_cast<uint32_t>(current_);
  const double start_ms = ms_at(start);
  const double end_ms = ms_at(end);
  // Every command still to come can have one span.
  const bool is_full = spans.size() + (times_ms_.size() - current_) >= capacity_;
  if (!spans.empty() && spans.back().command == command &&
      (is_full || start_ms - spans.back().end_ms < kShortBreakMs)) {
    WorkSpan& last = spans.back();
    last.end_ms = end_ms;
    last.busy_ms += end_ms - start_ms;
    last.items += static_cast<uint32_t>(items);
    return;
  }
  spans.push_back({command, static_cast<uint32_t>(thread), static_cast<uint32_t>(items), start_ms,
                   end_ms, end_ms - start_ms});
}

std::vector<WorkSpan> Timeline::work() const {
  std::vector<WorkSpan> all;
  for (const std::vector<WorkSpan>& spans : work_)
    all.insert(all.end(), spans.begin(), spans.end());
  return all;
}

}  // namespace untangle
