// How much executing a validated program does, roughly, so that a fuzzer can leave the long ones
// out.

#pragma once

#include <cstdint>

#include "native/cpu/execution.h"

namespace untangle::fuzz {

/// Elements read, written or multiplied by all commands, saturating; never much too low.
uint64_t work_of(const Program& program);

}  // namespace untangle::fuzz
