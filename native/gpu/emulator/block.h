// Runs the blocks of an emulated launch.

#pragma once

#include <cstddef>
#include <cstdint>

namespace untangle::gpu {

/// A kernel compiled for the host.
struct EmulatedKernel {
  const char* name;
  void (*run)(const void* parameters);
  size_t parameter_bytes;
  uint32_t threads;  // of a block
  bool synchronizes;
};

/// Runs all blocks of a grid, one after the other.
void run_grid(const EmulatedKernel& kernel, const void* parameters, uint32_t grid_x,
              uint32_t grid_y, uint32_t grid_z);

/// The kernel of kernels.def that is called so, with its prefix; null if there is none.
const EmulatedKernel* find_kernel(const char* name);

}  // namespace untangle::gpu
