// The micro-kernels for scalar; compiled with the flags CMakeLists.txt gives this file alone.

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "native/cpu/kernels/kernels.h"

namespace untangle {
namespace {

// The bodies use Vec.
// clang-format off
#include "native/cpu/kernels/vec_scalar.h"
#include "native/cpu/kernels/make_kernels.inl.h"
// clang-format on

}  // namespace

extern const Kernels kernels_scalar = make_kernels<kShape_scalar>("scalar");

}  // namespace untangle
