// How fast this machine is: the roof that results are compared with.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "native/cpu/kernels/kernels.h"

namespace untangle {

struct MachineSpeed {
  double gflops;
  double read_gbs;                // from memory
  std::vector<double> block_gbs;  // of each block size
  double phase_ns;                // of a parallel loop without work
};

/// Measures `threads` threads at once, about 100 ms each for arithmetic, for reads from memory and
/// for reads of a block of each size, which every thread has for itself. Blocks that are larger
/// than a thread's share of what is read from memory are cut down to it.
std::optional<MachineSpeed> measure_machine(const Kernels& kernels, size_t threads,
                                            std::span<const size_t> block_bytes);

}  // namespace untangle
