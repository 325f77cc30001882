// The pool runs every item exactly once, returns only when all are done, and survives many short
// jobs and pauses.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "native/cpu/thread_pool.h"
#include "native/program/timeline.h"
#include "native/test/check.h"

using namespace untangle;

namespace {

void check_jobs(size_t threads) {
  ThreadPool pool(threads);
  CHECK(pool.threads() == threads, "%zu threads", threads);
  std::vector<std::atomic<int>> runs(1000);
  std::atomic<bool> bad_thread{false};
  for (size_t job = 0; job < 2000; job++) {
    const size_t items = job % 37 == 0 ? 1000 : job % 7;
    for (auto& run : runs) run.store(0, std::memory_order_relaxed);
    pool.parallel_for(items, [&](size_t item, size_t thread) {
      runs[item].fetch_add(1);
      if (thread >= threads) bad_thread = true;
    });
    size_t wrong = 0;
    for (size_t i = 0; i < runs.size(); i++) wrong += runs[i].load() != (i < items ? 1 : 0);
    CHECK(wrong == 0, "%zu threads, job %zu of %zu items: %zu wrong", threads, job, items, wrong);
    // Long enough for the workers to fall asleep now and then.
    if (job % 400 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(!bad_thread, "thread index");
}

void check_slow_items() {
  ThreadPool pool(3);
  std::atomic<int> done{0};
  pool.parallel_for(5, [&](size_t, size_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    done.fetch_add(1);
  });
  CHECK(done == 5, "%d done", done.load());
}

/// Each command is `jobs` jobs of 0 to 6 items; what is recorded is in order, within its command,
/// and has every item that threads shared.
void check_timeline(size_t threads, size_t commands, size_t jobs) {
  ThreadPool pool(threads);
  Timeline timeline(commands, threads);
  pool.record_into(&timeline);
  std::vector<size_t> items(commands);
  for (size_t command = 0; command < commands; command++) {
    timeline.begin_command(command);
    for (size_t job = 0; job < jobs; job++) {
      const size_t count = (job + command) % 7;
      pool.parallel_for(count, [](size_t, size_t) {});
      if (count > 1 && threads > 1) items[command] += count;
    }
    timeline.end_command(command);
  }
  pool.record_into(nullptr);
  pool.parallel_for(9, [](size_t, size_t) {});

  constexpr double kRounding = 1e-9;
  const WorkSpan* before = nullptr;
  const std::vector<WorkSpan> work = timeline.work();
  for (const WorkSpan& span : work) {
    const double start = timeline.starts_ms()[span.command];
    CHECK(span.start_ms >= start - kRounding, "begins before its command");
    CHECK(span.end_ms <= start + timeline.times_ms()[span.command] + kRounding, "ends after it");
    CHECK(span.busy_ms <= span.end_ms - span.start_ms + kRounding, "busier than long");
    CHECK(before == nullptr || before->thread < span.thread ||
              (before->thread == span.thread && before->end_ms <= span.start_ms + kRounding),
          "out of order");
    CHECK(span.thread < threads, "thread %u", span.thread);
    items[span.command] -= span.items;
    before = &span;
  }
  for (size_t i = 0; i < commands; i++) CHECK(items[i] == 0, "%zu items of %zu", items[i], i);
}

}  // namespace

int main() {
  check_timeline(1, 4, 8);
  check_timeline(3, 50, 8);
  check_timeline(2, 3, 2000);  // more spans than there is room for
  for (size_t threads : {1, 2, 3, 5}) check_jobs(threads);
  for (int i = 0; i < 5; i++) check_slow_items();
  return test::summary();
}
