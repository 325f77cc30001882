// The kernels as text, for compilers that come with the board.

#pragma once

#include <span>

namespace untangle::gpu {

struct Source {
  const char* name;  // as #include has it
  const char* text;
};

/// All files, all.cu first.
std::span<const Source> kernel_sources();

}  // namespace untangle::gpu
