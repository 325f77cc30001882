#include "native/session/session_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "native/gpu/widen.h"

namespace untangle {
namespace {

constexpr size_t kAlignment = 64;

// Linux backs memory of this alignment with pages of this size when asked: a 32 MiB output faults
// in 2 ms instead of 12, and weights that are streamed miss the TLB less.
constexpr size_t kLargePage = size_t{2} << 20;

#ifdef __linux__

// From here on a block is a mapping of its own, which goes back to the system when it is freed.
// malloc would keep much of it: its threshold rises with every large block that is freed.
constexpr size_t kOwnMapping = size_t{128} << 10;

/// Fresh pages at a multiple of `alignment`; null when the system refuses. All are multiples of
/// `page`.
std::byte* map_aligned(size_t bytes, size_t alignment, size_t page) {
  const size_t slack = alignment - page;
  void* memory =
      mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* start = static_cast<std::byte*>(memory);
  const size_t before = (alignment - reinterpret_cast<uintptr_t>(start) % alignment) % alignment;
  if (before > 0) munmap(start, before);
  if (slack > before) munmap(start + before + bytes, slack - before);
  return start + before;
}

#endif

OpenError out_of_memory(size_t bytes, const char* what) {
  return {"ERR_OUT_OF_MEMORY",
          "the operating system refused " + std::to_string(bytes) + " bytes for " + what};
}

OpenError describe(const ProgramError& error) {
  if (error.kind == ProgramError::Kind::kFormat) return {"ERR_PROGRAM_FORMAT", error.message};
  char found[9];
  std::snprintf(found, sizeof(found), "%08x", static_cast<unsigned>(error.found_hash));
  return {"ERR_PROGRAM_VERSION", std::string("program format ") + found +
                                     " does not match this build's format " + kFormatHashHex +
                                     "; compile the model again with this version"};
}

OpenError no_gpu(const std::string& reason) {
  return {"ERR_DEVICE_UNSUPPORTED",
          "device \"cuda\" is not available here (" + reason + "); use device: 'cpu'"};
}

/// A descriptor of our own for the program's file, which has to have all its weights.
std::optional<OpenError> own_file(const Program& program, int file, WeightSource& source) {
  struct stat status {};
  if (fstat(file, &status) != 0) return OpenError{"ERR_PROGRAM_READ", std::strerror(errno)};
  if (!S_ISREG(status.st_mode)) return OpenError{"ERR_PROGRAM_READ", "it is not a regular file"};
  const uint64_t wanted = program.streamed_offset + program.streamed_bytes;
  if (static_cast<uint64_t>(status.st_size) < wanted) {
    return OpenError{"ERR_PROGRAM_READ", "it has " + std::to_string(status.st_size) +
                                             " bytes instead of " + std::to_string(wanted)};
  }
  source = {fcntl(file, F_DUPFD_CLOEXEC, 0), program.streamed_offset};
  if (source.file < 0) return OpenError{"ERR_PROGRAM_READ", std::strerror(errno)};
  return std::nullopt;
}

/// The thread that reads streamed weights, where the program has some.
std::optional<OpenError> open_reader(SessionState& state, int file) {
  const Program& program = state.program;
  if (program.streamed_bytes == 0) return std::nullopt;
  WeightSource source{.memory = program.streamed};
  if (program.streamed.empty()) {
    if (file < 0) return OpenError{"ERR_PROGRAM_FORMAT", "its streamed weights are missing"};
    if (auto error = own_file(program, file, source)) return error;
  }
  try {
    state.reader = std::make_unique<WeightReader>(source, state.arena.data());
    return std::nullopt;
  } catch (const std::system_error&) {
    if (source.file >= 0) close(source.file);
    return out_of_memory(kWorkspaceBytes, "the stack of the thread that reads weights");
  } catch (const std::bad_alloc&) {
    if (source.file >= 0) close(source.file);
    throw;
  }
}

std::optional<OpenError> allocate(AlignedBytes& target, size_t bytes, const char* what) {
  std::optional<AlignedBytes> memory = AlignedBytes::allocate(bytes, /*zeroed=*/true);
  if (!memory) return out_of_memory(bytes, what);
  target = std::move(*memory);
  return std::nullopt;
}

}  // namespace

#ifdef __linux__

std::optional<AlignedBytes> AlignedBytes::map(size_t bytes, size_t rounded, bool in_large_pages) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t mapped = (rounded + page - 1) / page * page;
  std::byte* data = map_aligned(mapped, in_large_pages ? kLargePage : page, page);
  if (data == nullptr) return std::nullopt;
  // A refusal costs nothing.
  madvise(data, mapped, in_large_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  AlignedBytes result;
  result.size_ = bytes;
  result.data_ = Pointer(data, Free{mapped});
  return result;
}

#endif

void AlignedBytes::truncate([[maybe_unused]] size_t bytes) {
#ifdef __linux__
  size_t& mapped = data_.get_deleter().mapped_bytes;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t kept = std::max<size_t>((bytes + page - 1) / page, 1) * page;
  if (kept >= mapped) return;
  munmap(data() + kept, mapped - kept);
  mapped = kept;
  size_ = bytes;
#endif
}

std::optional<AlignedBytes> AlignedBytes::allocate(size_t bytes, bool zeroed) {
  const size_t rounded = (bytes / kAlignment + 1) * kAlignment;
#ifdef __linux__
  if (rounded >= kOwnMapping) {
    std::optional<AlignedBytes> result = map(bytes, rounded, rounded >= kLargePage);
    // The kernel's pages are zero; this makes them real now, so that no run waits for them.
    if (result && zeroed) std::memset(result->data(), 0, rounded);
    return result;
  }
#endif
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, rounded) != 0) return std::nullopt;
  AlignedBytes result;
  result.size_ = bytes;
  result.data_ = Pointer(static_cast<std::byte*>(memory), Free{0});
  if (zeroed) std::memset(memory, 0, rounded);
  return result;
}

std::optional<AlignedBytes> AlignedBytes::allocate_fresh(size_t bytes, bool in_large_pages) {
#ifdef __linux__
  const size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  if (rounded >= kOwnMapping) {
    return map(bytes, rounded, in_large_pages && rounded >= kLargePage);
  }
#endif
  return allocate(bytes, /*zeroed=*/true);
}

void AlignedBytes::Free::operator()(std::byte* data) const {
#ifdef __linux__
  if (mapped_bytes > 0) {
    munmap(data, mapped_bytes);
    return;
  }
#endif
  std::free(data);
}

// What budgets count for it.
static_assert(sizeof(SessionState) <= kSessionBytes);

size_t SessionState::bytes() const {
  return file.size() + arena.size() + workspaces.size() * kWorkspaceBytes +
         (gpu ? gpu->host_bytes() : 0);
}

void SessionState::abort() {
  aborted = true;
  if (reader) reader->wake();
}

std::optional<OpenError> adopt_program(std::span<const std::byte> program, SessionState& state) {
  std::optional<AlignedBytes> copy = AlignedBytes::allocate(program.size(), /*zeroed=*/false);
  if (!copy) return out_of_memory(program.size(), "the program");
  std::memcpy(copy->data(), program.data(), program.size());
  return adopt_program(std::move(*copy), state);
}

std::optional<OpenError> adopt_program(AlignedBytes program, SessionState& state) {
  state.file = std::move(program);
  if (auto error = load_program({state.file.data(), state.file.size()}, state.program)) {
    return describe(*error);
  }
  return std::nullopt;
}

std::optional<OpenError> open_on_cpu(size_t threads, const Kernels& kernels, SessionState& state,
                                     int file) {
  if (auto error = allocate(state.arena, state.program.arena_bytes, "the arena")) return error;
  state.kernels = &kernels;
  state.workspaces.resize(threads);
  for (AlignedBytes& workspace : state.workspaces) {
    if (auto error = allocate(workspace, kWorkspaceBytes, "the workspace")) return error;
    state.workspace_pointers.push_back(workspace.data());
  }
  try {
    state.pool.emplace(threads);
  } catch (const std::system_error&) {
    return out_of_memory(threads * kWorkspaceBytes, "the stacks of its threads");
  }
  return open_reader(state, file);
}

std::optional<OpenError> read_failure(const SessionState& state) {
  std::string failure = state.reader ? state.reader->failure() : "";
  if (failure.empty()) return std::nullopt;
  return OpenError{"ERR_PROGRAM_READ", std::move(failure)};
}

std::optional<OpenError> open_on_gpu(const GpuChoice& choice, SessionState& state) {
  try {
    const std::shared_ptr<const gpu::Device> device = gpu::Device::open(choice.driver_path);
    const gpu::WidenedProgram wide(state.program);
    const gpu::DeviceLayout layout =
        gpu::layout_program(wide.program(), device->info(), choice.precision);
    if (layout.bytes() > choice.budget_bytes) {
      return OpenError{"ERR_BUDGET_EXCEEDED", "the budget is exceeded", layout.bytes()};
    }
    state.gpu = std::make_unique<gpu::GpuSession>(device, wide.program(), layout, choice.precision);
    // The constants come last, and the device has them.
    const auto* constants = reinterpret_cast<const std::byte*>(state.program.constants.data());
    if (constants != nullptr)
      state.file.truncate(static_cast<size_t>(constants - state.file.data()));
    state.program.constants = {};
    return std::nullopt;
  } catch (const gpu::NoDriver& error) {
    return no_gpu(error.what());
  } catch (const gpu::NoKernel& error) {
    return no_gpu(std::string("the program was compiled for the CPU: it has a ") + error.what() +
                  "; compile the model with device: 'cuda'");
  } catch (const gpu::GpuFailure& error) {
    return describe(error);
  }
}

OpenError describe(const gpu::GpuFailure& error) {
  return {error.is_out_of_memory() ? "ERR_GPU_MEMORY" : "ERR_GPU_FAILED", error.what()};
}

}  // namespace untangle
