// The micro-kernels for neon; compiled with the flags CMakeLists.txt gives this file alone.

#include <arm_neon.h>

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "native/cpu/kernels/kernels.h"

namespace untangle {
namespace {

// The bodies use Vec.
// clang-format off
#include "native/cpu/kernels/vec_neon.h"
#include "native/cpu/kernels/make_kernels.inl.h"
// clang-format on

}  // namespace

extern const Kernels kernels_neon = make_kernels<kShape_neon>("neon");

}  // namespace untangle
