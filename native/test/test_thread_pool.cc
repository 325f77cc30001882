// The pool runs every item exactly once, returns only when all are done, and survives many short
// jobs and pauses.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "native/cpu/thread_pool.h"
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

}  // namespace

int main() {
  for (size_t threads : {1, 2, 3, 5}) check_jobs(threads);
  for (int i = 0; i < 5; i++) check_slow_items();
  return test::summary();
}
