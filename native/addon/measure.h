// How fast this machine is: the roof that results are compared with.

#pragma once

#include <cstddef>
#include <optional>

#include "native/cpu/kernels/kernels.h"

namespace untangle {

struct MachineSpeed {
  double gflops;
  double read_gbs;
};

/// Measures `threads` threads at once, about 100 ms each for arithmetic and for reads.
std::optional<MachineSpeed> measure_machine(const Kernels& kernels, size_t threads);

}  // namespace untangle
