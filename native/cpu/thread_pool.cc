// The fork-join pool: a job is three words and a ticket that hands out its items.

#include "native/cpu/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

#include "native/program/timeline.h"

namespace untangle {

namespace {

// The ticket holds the job's epoch above the next item's index. Even epochs are open: items may be
// claimed. Odd ones are closed: the job's fields are being replaced.
constexpr uint64_t kEpoch = uint64_t{1} << 32;
constexpr uint64_t kIndexMask = kEpoch - 1;
bool is_open(uint64_t ticket) { return (ticket / kEpoch) % 2 == 0; }

// About 100 us: long enough to bridge the gap between two commands (some 20 us) and between two
// short runs (some 50 us), short enough not to take a core from others for long.
constexpr int kSpins = 10000;
constexpr int kSpinsBetweenYields = 256;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

/// The core this thread runs on; -1 where that cannot be told.
int current_cpu() {
#ifdef __linux__
  return sched_getcpu();
#else
  return -1;
#endif
}

/// Moves the calling thread off `cpu` if it may run elsewhere.
void leave_cpu([[maybe_unused]] int cpu) {
#ifdef __linux__
  cpu_set_t allowed;
  if (cpu < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<size_t>(cpu), &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof(others), &others) != 0) return;
  sched_setaffinity(0, sizeof(allowed), &allowed);
#endif
}

/// Spins until done() holds; false when it gave up.
template <typename F>
bool spin_until(F&& done) {
  for (int spin = 1; spin <= kSpins; spin++) {
    if (done()) return true;
    if (spin % kSpinsBetweenYields == 0) {
      std::this_thread::yield();
    } else {
      pause_cpu();
    }
  }
  return false;
}

}  // namespace

// Where a thread stores a word and then reads another thread's, it stores by an exchange: QEMU 7.2
// lets the load pass a plain sequentially consistent store when it emulates ARM on x86, and a
// wake-up would be lost.
struct ThreadPool::State {
  using Body = void (*)(void* context, size_t item, size_t thread);

  std::atomic<uint64_t> ticket{0};
  std::atomic<Body> body{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<size_t> items{0};
  std::atomic<size_t> done{0};

  std::mutex mutex;
  std::condition_variable work;      // workers wait for an open ticket
  std::condition_variable finished;  // the caller waits for the last item
  std::atomic<int> sleepers{0};
  std::atomic<uint32_t> alarms{0};  // calls of wake()
  std::atomic<bool> caller_sleeps{false};
  std::atomic<bool> stopping{false};
  std::atomic<Timeline*> timeline{nullptr};
  std::atomic<int> worker_cpu{-1};  // where the first worker was last seen
  std::vector<std::thread> workers;

  bool has_work() const {
    const uint64_t now = ticket.load();
    return is_open(now) && (now & kIndexMask) < items.load();
  }

  /// Claims and runs items until there are none. A claim that succeeds proves that the fields read
  /// before it belong to the same open epoch: they only change while the ticket is closed.
  void take_items(size_t thread) {
    size_t taken = 0;
    Timeline* recording = nullptr;
    Timeline::Clock::time_point start;
    for (;;) {
      uint64_t now = ticket.load();
      if (!is_open(now)) break;
      const Body run = body.load();
      void* const argument = context.load();
      const size_t index = static_cast<size_t>(now & kIndexMask);
      if (index >= items.load()) break;
      if (!ticket.compare_exchange_weak(now, now + 1)) continue;
      if (taken == 0 && (recording = timeline.load(std::memory_order_relaxed)) != nullptr) {
        start = Timeline::Clock::now();
      }
      run(argument, index, thread);
      taken++;
    }
    if (taken == 0) return;
    if (recording != nullptr) recording->add_work(thread, start, Timeline::Clock::now(), taken);
    // The caller cannot leave, nor the job change, before this addition.
    const size_t total = items.load();
    if (done.fetch_add(taken) + taken == total && caller_sleeps.load()) {
      std::lock_guard lock(mutex);
      finished.notify_one();
    }
  }

  void work_until_stopped(size_t thread) {
    while (!stopping.load()) {
      if (thread == 1) worker_cpu.store(current_cpu());
      if (!spin_until([this] { return has_work() || stopping.load(); })) {
        std::unique_lock lock(mutex);
        const uint32_t heard = alarms.load();
        sleepers.fetch_add(1);
        work.wait(lock, [&] { return has_work() || stopping.load() || alarms.load() != heard; });
        sleepers.fetch_sub(1);
      }
      take_items(thread);
    }
  }

  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping.store(true);
    }
    work.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  void open_job(size_t count, Body run, void* argument) {
    const uint64_t epoch = ticket.load() / kEpoch;
    ticket.store((epoch + 1) * kEpoch);
    body.store(run);
    context.store(argument);
    items.store(count);
    done.store(0);
    ticket.exchange((epoch + 2) * kEpoch);
    if (sleepers.load() > 0) {
      std::lock_guard lock(mutex);
      work.notify_all();
    }
  }

  void wait_for_all(size_t count) {
    if (spin_until([&] { return done.load() == count; })) return;
    std::unique_lock lock(mutex);
    caller_sleeps.exchange(true);
    finished.wait(lock, [&] { return done.load() == count; });
    caller_sleeps.store(false);
  }
};

ThreadPool::ThreadPool(size_t threads) : state_(std::make_unique<State>()) {
  try {
    for (size_t thread = 1; thread < threads; thread++) {
      state_->workers.emplace_back(
          [state = state_.get(), thread] { state->work_until_stopped(thread); });
    }
  } catch (...) {  // the system has no more threads, or no memory for them
    state_->stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->stop(); }

void ThreadPool::settle_caller() {
  const int cpu = current_cpu();
  if (cpu >= 0 && cpu == state_->worker_cpu.load()) leave_cpu(cpu);
}

void ThreadPool::wake() {
  if (state_->sleepers.load() == 0) return;
  std::lock_guard lock(state_->mutex);
  state_->alarms.fetch_add(1);
  state_->work.notify_all();
}

size_t ThreadPool::threads() const { return state_->workers.size() + 1; }

void ThreadPool::record_into(Timeline* timeline) { state_->timeline.store(timeline); }

void ThreadPool::parallel_for(size_t items, void (*body)(void* context, size_t item, size_t thread),
                              void* context) {
  // The ticket counts items in 32 bits.
  if (items <= 1 || items > kIndexMask || state_->workers.empty()) {
    for (size_t item = 0; item < items; item++) body(context, item, 0);
    return;
  }
  state_->open_job(items, body, context);
  state_->take_items(0);
  state_->wait_for_all(items);
}

}  // namespace untangle
