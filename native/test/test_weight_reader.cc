// Weights read beside the commands: what is read is what is used, and a file that fails is an
// error.

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/weight_reader.h"
#include "native/test/check.h"
#include "native/test/stream_program.h"
#include "native/test/team.h"

using namespace untangle;
using namespace untangle::test;

namespace {

/// What the file does, from a number of reads on.
enum class Disk { kWorks, kInterrupts, kReadsLittle, kFails, kEnds, kHangs };
std::atomic<Disk> disk{Disk::kWorks};
std::atomic<int> reads_left{0};
std::atomic<bool> hanging{false};
std::atomic<bool> released{false};

}  // namespace

// Instead of the C library's.
extern "C" ssize_t pread(int file, void* target, size_t bytes, off_t offset) {
  if (reads_left.fetch_sub(1) <= 0) {
    switch (disk.load()) {
      case Disk::kWorks:
        break;
      case Disk::kInterrupts:
        disk = Disk::kWorks;
        errno = EINTR;
        return -1;
      case Disk::kReadsLittle:
        bytes = std::min<size_t>(bytes, 1000);
        break;
      case Disk::kFails:
        errno = EIO;
        return -1;
      case Disk::kEnds:
        return 0;
      case Disk::kHangs:
        hanging = true;
        while (!released) std::this_thread::yield();
        break;
    }
  }
  return syscall(SYS_pread64, file, target, bytes, offset);
}

namespace {

constexpr uint64_t kOffset = 4096;

/// The weights of a program in a file that has no name.
int file_of(const StreamProgram& program) {
  char name[] = "/tmp/untangle-weights-XXXXXX";
  const int file = mkstemp(name);
  unlink(name);
  const size_t bytes = program.weights.size() * 4;
  const ssize_t written = pwrite(file, program.weights.data(), bytes, kOffset);
  CHECK(written == static_cast<ssize_t>(bytes), "a temporary file");
  return file;
}

bool run(const Program& program, std::vector<float>& arena, WeightReader* reader,
         const std::atomic<bool>& aborted) {
  static const Kernels* const kernels = select_kernels("scalar");
  Team& team = team_of(2);
  IndexFault fault;
  bool finished = false;
  const Execution run{.program = program,
                      .arena = reinterpret_cast<std::byte*>(arena.data()),
                      .outputs = nullptr,
                      .workspace = team.fresh_workspace(),
                      .pool = team.pool(),
                      .kernels = *kernels,
                      .aborted = aborted,
                      .fault = fault,
                      .reader = reader};
  without_allocations([&] { finished = execute(run, nullptr); });
  return finished;
}

/// Runs a program again and again, from memory and from a file.
void check_program(uint32_t blocks, uint32_t floats, uint32_t buffers) {
  const std::string name = std::to_string(blocks) + " blocks of " + std::to_string(floats) + ", " +
                           std::to_string(buffers) + " buffers";
  const StreamProgram streamed(blocks, floats, buffers);
  Program program;
  CHECK(streamed.make(program), "%s", name.c_str());
  const std::atomic<bool> aborted{false};
  std::vector<float> arena(streamed.arena_bytes() / 4);
  CHECK(run(program, arena, nullptr, aborted) && streamed.is_right(arena), "%s", name.c_str());

  auto* bytes = reinterpret_cast<std::byte*>(arena.data());
  WeightReader from_memory({.memory = program.streamed}, bytes);
  WeightReader from_file({.file = file_of(streamed), .offset = kOffset}, bytes);
  for (WeightReader* reader : {&from_memory, &from_file}) {
    for (const Disk how : {Disk::kWorks, Disk::kInterrupts, Disk::kReadsLittle}) {
      disk = how;
      reads_left = 1;
      std::fill(arena.begin(), arena.end(), -1.0f);
      CHECK(run(program, arena, reader, aborted), "%s", name.c_str());
      CHECK(streamed.is_right(arena), "%s: other weights", name.c_str());
      CHECK(reader->failure().empty(), "%s: %s", name.c_str(), reader->failure().c_str());
    }
  }
  disk = Disk::kWorks;
}

/// Every read in turn fails; the next run is none the worse.
void check_failures() {
  const StreamProgram streamed(4, 160'000, 2);
  Program program;
  CHECK(streamed.make(program), "the program");
  const std::atomic<bool> aborted{false};
  std::vector<float> arena(streamed.arena_bytes() / 4);
  const int file = file_of(streamed);
  WeightReader reader({.file = file, .offset = kOffset},
                      reinterpret_cast<std::byte*>(arena.data()));
  const int reads = 4 * 3;  // pieces of 256 KiB
  for (int before = 0; before < reads; before++) {
    for (const Disk how : {Disk::kFails, Disk::kEnds}) {
      disk = how;
      reads_left = before;
      CHECK(!run(program, arena, &reader, aborted), "read %d fails", before);
      const std::string reason = reader.failure();
      const char* expected = how == Disk::kFails ? "Input/output error at byte" : "it ends at byte";
      CHECK(reason.find(expected) != std::string::npos, "read %d: %s", before, reason.c_str());
    }
    disk = Disk::kWorks;
    CHECK(run(program, arena, &reader, aborted) && streamed.is_right(arena), "after %d", before);
  }
  const float other = -7;
  CHECK(pwrite(file, &other, 4, kOffset + 161'000 * 4) == 4, "the file");
  CHECK(!run(program, arena, &reader, aborted), "a file that changed");
  CHECK(reader.failure().find("it changed") != std::string::npos, "%s", reader.failure().c_str());
}

/// A run that waits for a disk that hangs ends when the disk gives a piece, and reads no more.
void check_abort() {
  const StreamProgram streamed(2, 160'000, 2);
  Program program;
  CHECK(streamed.make(program), "the program");
  std::vector<float> arena(streamed.arena_bytes() / 4);
  auto reader =
      std::make_unique<WeightReader>(WeightSource{.file = file_of(streamed), .offset = kOffset},
                                     reinterpret_cast<std::byte*>(arena.data()));
  for (int before = 0; before < 3; before++) {
    hanging = released = false;
    reads_left = before;
    disk = Disk::kHangs;
    std::atomic<bool> aborted{false};
    std::thread other([&] {
      while (!hanging) std::this_thread::yield();
      aborted = true;
      reader->wake();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      reads_left = 1000;
      released = true;
    });
    CHECK(!run(program, arena, reader.get(), aborted), "an aborted run ends early");
    other.join();
    CHECK(reads_left == 1000, "%d reads after the abort", 1000 - reads_left);
    CHECK(reader->failure().empty(), "%s", reader->failure().c_str());
    disk = Disk::kWorks;
    aborted = false;
    CHECK(run(program, arena, reader.get(), aborted) && streamed.is_right(arena), "the next run");
  }
  // Between runs, and with a load under way, the reader ends at once.
  const std::atomic<bool> aborted{false};
  reader->begin(aborted);
  reader->start(as<LoadCommand>(program.commands.data()));
  reader.reset();
}

/// Loads that do not fit the arena or the weights are refused; those that fit to the byte are not.
void check_validation() {
  const StreamProgram good(3, 64, 2);
  struct Change {
    size_t word;  // of the first load: 1 offset, 2 bytes, 3 first word
    uint32_t value;
    bool is_allowed;
  };
  const uint32_t arena = good.arena_bytes();
  const Change changes[] = {{1, arena - 256, true}, {1, arena - 252, false},
                            {1, 2, false},          {1, UINT32_MAX - 3, false},
                            {2, 0, false},          {2, 255, true},
                            {2, arena, false},      {2, UINT32_MAX - 3, false},
                            {3, 128, true},         {3, 129, false},
                            {3, UINT32_MAX, false}};
  for (const Change& change : changes) {
    StreamProgram changed = good;
    changed.commands[0].words[change.word] = change.value;
    Program program;
    CHECK(changed.make(program, false) == change.is_allowed, "word %zu = %u", change.word,
          change.value);
  }

  StreamProgram damaged = good;
  damaged.weights[100]++;
  Program program;
  CHECK(!damaged.make(program), "damaged weights");
  CHECK(damaged.make(program, false), "weights that are still in the file");
}

void check_checksum() {
  std::vector<std::byte> bytes(1000);
  for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<std::byte>(i * 7 + i / 91);
  for (size_t first = 0; first < 70; first++) {
    for (size_t size = 0; size + first <= bytes.size(); size += size < 300 ? 1 : 61) {
      const auto part = std::span(bytes).subspan(first, size);
      const uint32_t sum = crc32_by_tables(part);
      CHECK(crc32(part) == sum, "%zu bytes from %zu", size, first);
      const size_t half = size / 2;
      CHECK(crc32(part.subspan(half), crc32(part.first(half))) == sum, "%zu in halves", size);
    }
  }
}

}  // namespace

int main() {
  check_checksum();
  check_validation();
  check_program(1, 16, 1);
  check_program(5, 160'000, 2);
  check_program(7, 70'000, 1);
  check_program(200, 32, 2);
  check_program(200, 32, 150);  // more than may be under way
  check_failures();
  check_abort();
  return summary();
}
