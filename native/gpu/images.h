// The kernels as they were built into this binary.

#pragma once

#include <span>
#include <string>

namespace untangle::gpu {

/// One image for every architecture the compiler at hand knew, and PTX; empty when there was none.
std::span<const unsigned char> embedded_fatbin();

/// What it holds, such as "sm_53 sm_87 compute_53".
std::string list_images(std::span<const unsigned char> fatbin);

}  // namespace untangle::gpu
