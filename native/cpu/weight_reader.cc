#include "native/cpu/weight_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "native/program/crc32.h"

namespace untangle {
namespace {

/// Why a load did not give its weights.
struct Failure {
  enum class Kind { kNone, kCancelled, kError, kShort, kChecksum };
  Kind kind = Kind::kNone;
  int error = 0;        // errno, of kError
  uint64_t offset = 0;  // in the file
};

/// Asks the system to have a part of the file ready: it reads from the disk while we copy and
/// check.
void announce([[maybe_unused]] const WeightSource& source,
              [[maybe_unused]] const LoadCommand& load) {
#ifdef POSIX_FADV_WILLNEED
  if (source.file < 0) return;
  const uint64_t start = source.offset + uint64_t{load.first_word} * 4;
  posix_fadvise(source.file, static_cast<off_t>(start), load.bytes, POSIX_FADV_WILLNEED);
#endif
}

/// Fills `target` from `offset` of the streamed weights on.
Failure read_piece(const WeightSource& source, uint64_t offset, std::span<std::byte> target) {
  if (source.file < 0) {
    std::memcpy(target.data(), source.memory.data() + offset, target.size());
    return {};
  }
  for (size_t done = 0; done < target.size();) {
    const uint64_t at = source.offset + offset + done;
    const ssize_t count =
        pread(source.file, target.data() + done, target.size() - done, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {Failure::Kind::kError, errno, at};
    if (count == 0) return {Failure::Kind::kShort, 0, at};
    done += static_cast<size_t>(count);
  }
  return {};
}

}  // namespace

struct WeightReader::State {
  WeightSource source;
  std::byte* arena = nullptr;
  std::mutex mutex;
  std::condition_variable work;                // the reader waits for a load
  std::condition_variable progress;            // others wait for the reader
  std::array<LoadCommand, kMaxLoads> loads{};  // load i of a run is at i % kMaxLoads
  uint32_t started = 0;
  std::atomic<uint32_t> done{0};
  const std::atomic<bool>* aborted = nullptr;
  std::atomic<bool> cancelled{true};  // between runs
  bool reading = false;
  bool stopping = false;
  Failure failure;
  std::thread thread;

  bool has_failed() const { return failure.kind != Failure::Kind::kNone; }
  bool is_wanted() const { return !cancelled && !aborted->load(std::memory_order_relaxed); }
  bool has_work() const { return !cancelled && !has_failed() && done < started; }

  Failure read(const LoadCommand& load) const {
    const uint64_t start = uint64_t{load.first_word} * 4;
    uint32_t sum = 0;
    for (size_t at = 0; at < load.bytes; at += kPieceBytes) {
      if (!is_wanted()) return {Failure::Kind::kCancelled};
      const std::span<std::byte> piece(arena + load.offset_bytes + at,
                                       std::min<size_t>(kPieceBytes, load.bytes - at));
      const Failure problem = read_piece(source, start + at, piece);
      if (problem.kind != Failure::Kind::kNone) return problem;
      sum = crc32(piece, sum);
    }
    if (sum == load.checksum) return {};
    return {Failure::Kind::kChecksum, 0, source.offset + start};
  }

  void read_until_stopped() {
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [this] { return stopping || has_work(); });
      if (stopping) return;
      const LoadCommand load = loads[done % kMaxLoads];
      const auto next = done + 1 < started
                            ? std::optional<LoadCommand>(loads[(done + 1) % kMaxLoads])
                            : std::nullopt;
      reading = true;
      lock.unlock();
      if (next) announce(source, *next);
      const Failure problem = read(load);
      lock.lock();
      reading = false;
      if (problem.kind == Failure::Kind::kNone) {
        done++;
      } else {
        failure = problem;
      }
      progress.notify_all();
    }
  }
};

WeightReader::WeightReader(WeightSource source, std::byte* arena)
    : state_(std::make_unique<State>()) {
  state_->source = source;
  state_->arena = arena;
  state_->thread = std::thread([state = state_.get()] { state->read_until_stopped(); });
}

WeightReader::~WeightReader() {
  {
    std::lock_guard lock(state_->mutex);
    state_->cancelled = true;
    state_->stopping = true;
  }
  state_->work.notify_all();
  state_->thread.join();
  if (state_->source.file >= 0) close(state_->source.file);
}

void WeightReader::begin(const std::atomic<bool>& aborted) {
  std::lock_guard lock(state_->mutex);
  state_->aborted = &aborted;
  state_->started = 0;
  state_->done = 0;
  state_->failure = {};
  state_->cancelled = false;
}

void WeightReader::start(const LoadCommand& load) {
  State& state = *state_;
  if (state.started >= kMaxLoads && !wait(state.started + 1 - kMaxLoads)) return;
  {
    std::lock_guard lock(state.mutex);
    state.loads[state.started++ % kMaxLoads] = load;
  }
  announce(state.source, load);
  state.work.notify_one();
}

bool WeightReader::wait(uint32_t loads) {
  State& state = *state_;
  if (state.done >= loads) return true;
  std::unique_lock lock(state.mutex);
  state.progress.wait(
      lock, [&] { return state.done >= loads || state.has_failed() || !state.is_wanted(); });
  return state.done >= loads;
}

void WeightReader::end() {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.cancelled = true;
  state.progress.wait(lock, [&] { return !state.reading; });
}

void WeightReader::wake() {
  // Whoever waits holds the lock until he sleeps: he has not yet looked, or hears this.
  std::lock_guard lock(state_->mutex);
  state_->progress.notify_all();
}

std::string WeightReader::failure() const {
  const Failure& failure = state_->failure;
  const std::string at = " at byte " + std::to_string(failure.offset);
  switch (failure.kind) {
    case Failure::Kind::kNone:
    case Failure::Kind::kCancelled:
      return "";
    case Failure::Kind::kError:
      return std::string(std::strerror(failure.error)) + at;
    case Failure::Kind::kShort:
      return "it became shorter: it ends" + at;
    case Failure::Kind::kChecksum:
      return "it changed: the checksum of the weights" + at + " is wrong";
  }
  return "";
}

}  // namespace untangle
