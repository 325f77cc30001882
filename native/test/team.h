// The threads that cases run on. They are started once: starting them takes longer than most cases,
// above all under emulation.

#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "native/cpu/execution.h"
#include "native/cpu/thread_pool.h"
#include "native/test/allocations.h"
#include "native/test/check.h"

namespace untangle::test {

/// A pool and a workspace for each of its threads.
class Team {
 public:
  explicit Team(size_t threads) : pool_(threads) {
    for (size_t i = 0; i < threads; i++) {
      blocks_.push_back(static_cast<std::byte*>(std::aligned_alloc(64, kWorkspaceBytes)));
    }
  }
  ~Team() {
    for (std::byte* block : blocks_) std::free(block);
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  ThreadPool& pool() { return pool_; }

  /// The workspaces, full of NaN: shows reads of what nobody wrote.
  std::byte* const* fresh_workspace() {
    for (std::byte* block : blocks_) std::memset(block, 0xff, kWorkspaceBytes);
    return blocks_.data();
  }

 private:
  ThreadPool pool_;
  std::vector<std::byte*> blocks_;
};

/// The team of so many threads. For the main thread only.
inline Team& team_of(size_t threads) {
  static std::map<size_t, std::unique_ptr<Team>> teams;
  std::unique_ptr<Team>& team = teams[threads];
  if (!team) team = std::make_unique<Team>(threads);
  return *team;
}

/// Runs what executors run: nothing is allocated then, by any thread.
template <typename F>
void without_allocations(F&& work) {
  const size_t made = allocations_during(work);
  CHECK(made == 0, "%zu allocations during a run", made);
}

}  // namespace untangle::test
