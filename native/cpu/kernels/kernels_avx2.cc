// The micro-kernels for avx2; compiled with the flags CMakeLists.txt gives this file alone.

#include <immintrin.h>

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "native/cpu/kernels/kernels.h"

namespace untangle {
namespace {

// The bodies use Vec.
// clang-format off
#include "native/cpu/kernels/vec_avx2.h"
#include "native/cpu/kernels/make_kernels.inl.h"
// clang-format on

}  // namespace

extern const Kernels kernels_avx2 = make_kernels<kShape_avx2>("avx2");

}  // namespace untangle
