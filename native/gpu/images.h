// The kernels as they were built into this binary.

#pragma once

#include <span>

namespace untangle::gpu {

/// One image for every architecture the compiler at hand knew, and PTX; empty when there was none.
std::span<const unsigned char> embedded_fatbin();

}  // namespace untangle::gpu
