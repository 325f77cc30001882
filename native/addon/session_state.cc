#include "native/addon/session_state.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace untangle {
namespace {

constexpr size_t kAlignment = 64;

// Linux backs memory of this alignment with pages of this size when asked: a 32 MiB output faults
// in 2 ms instead of 12, and weights that are streamed miss the TLB less.
constexpr size_t kLargePage = size_t{2} << 20;

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

std::optional<OpenError> allocate(AlignedBytes& target, size_t bytes, const char* what) {
  std::optional<AlignedBytes> memory = AlignedBytes::allocate(bytes, /*zeroed=*/true);
  if (!memory) return out_of_memory(bytes, what);
  target = std::move(*memory);
  return std::nullopt;
}

}  // namespace

std::optional<AlignedBytes> AlignedBytes::allocate(size_t bytes, bool zeroed) {
  const size_t alignment = bytes >= kLargePage ? kLargePage : kAlignment;
  const size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, rounded) != 0) return std::nullopt;
  auto* data = static_cast<std::byte*>(memory);
#ifdef __linux__
  if (alignment == kLargePage) madvise(data, rounded, MADV_HUGEPAGE);  // a refusal costs nothing
#endif
  // Also makes the pages real now, so that no run waits for them, and shows a program nothing old.
  if (zeroed) std::memset(data, 0, rounded);
  AlignedBytes result;
  result.data_.reset(data);
  result.size_ = bytes;
  return result;
}

void AlignedBytes::Free::operator()(std::byte* data) const { std::free(data); }

size_t SessionState::bytes() const {
  return file.size() + arena.size() + workspaces.size() * kWorkspaceBytes;
}

std::optional<OpenError> open_session(std::span<const std::byte> program, size_t threads,
                                      const Kernels& kernels, SessionState& state) {
  // Validated is the copy: nobody else can change it.
  if (auto error = allocate(state.file, program.size(), "the program")) return error;
  std::memcpy(state.file.data(), program.data(), program.size());
  if (auto error = load_program({state.file.data(), program.size()}, state.program)) {
    return describe(*error);
  }
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
  return std::nullopt;
}

}  // namespace untangle
