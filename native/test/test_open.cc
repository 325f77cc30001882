// Sessions that open while memory is short: an error for every allocation that fails, nothing lost.

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include "native/session/session_state.h"
#include "native/test/check.h"
#include "native/test/stream_program.h"
#include "native/test/team.h"

using namespace untangle;
using namespace untangle::test;

namespace {

std::atomic<long> mapped_bytes{0};

}  // namespace

// The linker puts these in the place of what our code calls (CMakeLists.txt).
extern "C" {

void* __real_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void* at, size_t bytes);
int __real_posix_memalign(void** memory, size_t alignment, size_t bytes);

void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!may_allocate()) return MAP_FAILED;
  mapped_bytes += static_cast<long>(bytes);
  return __real_mmap(at, bytes, protection, flags, file, offset);
}

int __wrap_munmap(void* at, size_t bytes) {
  mapped_bytes -= static_cast<long>(bytes);
  return __real_munmap(at, bytes);
}

int __wrap_posix_memalign(void** memory, size_t alignment, size_t bytes) {
  if (!may_allocate()) return ENOMEM;
  return __real_posix_memalign(memory, alignment, bytes);
}

}  // extern "C"

namespace {

struct Held {
  long blocks = live_blocks.load();
  long bytes = mapped_bytes.load();
  int files = count_files();

  static int count_files() {
    DIR* folder = opendir("/proc/self/fd");
    int count = 0;
    while (folder != nullptr && readdir(folder) != nullptr) count++;
    if (folder != nullptr) closedir(folder);
    return count;
  }
};

/// A program file on disk and what of it is read at open.
struct OnDisk {
  explicit OnDisk(const StreamProgram& program) : resident(program.file(false)) {
    char name[] = "/tmp/untangle-open-XXXXXX";
    file = mkstemp(name);
    unlink(name);
    const std::vector<std::byte> bytes = program.file(true);
    CHECK(write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "a file");
  }
  ~OnDisk() { close(file); }
  OnDisk(const OnDisk&) = delete;
  OnDisk& operator=(const OnDisk&) = delete;

  std::vector<std::byte> resident;
  int file;
};

/// As the addon opens a session; the code of the error, or "".
const char* open_session(const OnDisk& program, std::unique_ptr<SessionState>& state) {
  try {
    state = std::make_unique<SessionState>();
    auto error = adopt_program(std::span<const std::byte>(program.resident), *state);
    if (!error) error = open_on_cpu(3, *select_kernels("scalar"), *state, program.file);
    return error ? error->code : "";
  } catch (const std::bad_alloc&) {
    return "ERR_OUT_OF_MEMORY";
  }
}

bool run_session(SessionState& state) {
  IndexFault fault;
  const Execution run{.program = state.program,
                      .arena = state.arena.data(),
                      .outputs = nullptr,
                      .workspace = state.workspace_pointers.data(),
                      .pool = *state.pool,
                      .kernels = *state.kernels,
                      .aborted = state.aborted,
                      .fault = fault,
                      .reader = state.reader.get()};
  bool finished = false;
  without_allocations([&] { finished = execute(run, nullptr); });
  return finished;
}

/// Lets the first, the second, .. allocation fail until none does.
void check_program(const StreamProgram& streamed) {
  const OnDisk program(streamed);
  const Held before;
  long failing = 0;
  for (bool is_open = false; !is_open && failing < 1000; failing++) {
    std::unique_ptr<SessionState> state;
    allocations_left = failing;
    const std::string_view code = open_session(program, state);
    is_open = allocations_left >= 0;
    allocations_left = -1;
    CHECK(code == (is_open ? "" : "ERR_OUT_OF_MEMORY"), "allocation %ld: %s", failing, code.data());
    if (is_open) {
      for (int i = 0; i < 3; i++) CHECK(run_session(*state), "a run");
    }
    state.reset();
    const Held after;
    CHECK(after.blocks == before.blocks, "%ld: %ld blocks", failing, after.blocks - before.blocks);
    CHECK(after.bytes == before.bytes, "%ld: %ld bytes", failing, after.bytes - before.bytes);
    CHECK(after.files == before.files, "%ld: %d files", failing, after.files - before.files);
  }
  std::printf("%ld allocations\n", failing - 1);
  CHECK(failing > 10, "%ld allocations", failing);
}

}  // namespace

int main() {
  check_program(StreamProgram(4, 1600, 2));
  check_program(StreamProgram(3, 40'000, 2));  // large blocks are mappings
  return summary();
}
