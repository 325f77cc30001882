// The micro-kernels for avx512; compiled with the flags CMakeLists.txt gives this file alone.

#include <immintrin.h>

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "native/cpu/kernels/kernels.h"

namespace untangle {
namespace {

// The bodies use Vec.
// clang-format off
#include "native/cpu/kernels/vec_avx512.h"
#include "native/cpu/kernels/make_kernels.inl.h"
// clang-format on

}  // namespace

extern const Kernels kernels_avx512 = make_kernels<kShape_avx512>("avx512");

}  // namespace untangle
