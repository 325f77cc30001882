// A small fork-join pool. The calling thread is thread 0 and works too.
//
// Items are taken from a shared counter, so a slow core does not hold the others up; results must
// not depend on which thread runs which item (each output tile is computed by one item, in a fixed
// order).

#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace untangle {

class Timeline;

class ThreadPool {
 public:
  /// `threads` >= 1, the caller included. Starts threads - 1 workers.
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const;

  /// Work is about to come: wakes the workers, which spin for it instead of being woken when it is
  /// there.
  void wake();

  /// For a caller that was just woken: moves it off the core of a spinning worker. The kernel may
  /// put it there and, on a machine with few cores, leave both there for milliseconds.
  void settle_caller();

  /// Until it is called with null, what each thread does of jobs that are shared goes into
  /// `timeline`. Called between jobs only.
  void record_into(Timeline* timeline);

  /// Calls body(context, item, thread) for every item in [0, items) and returns when all are done.
  /// One caller at a time. Allocates nothing. Workers spin briefly for the next call, then sleep.
  void parallel_for(size_t items, void (*body)(void* context, size_t item, size_t thread),
                    void* context);

  /// Lets a lambda stand for body and context.
  template <typename F>
  void parallel_for(size_t items, F&& body) {
    parallel_for(
        items,
        [](void* context, size_t item, size_t thread) {
          (*static_cast<std::remove_reference_t<F>*>(context))(item, thread);
        },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace untangle
