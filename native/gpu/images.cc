#include "native/gpu/images.h"

#ifdef UNTANGLE_GPU_FATBIN
// A fatbin begins with what the driver reads as words of 8 bytes.
__asm__(
    ".section .rodata\n"
    ".balign 64\n"
    ".global untangle_gpu_fatbin\n"
    ".hidden untangle_gpu_fatbin\n"
    "untangle_gpu_fatbin:\n"
    ".incbin \"" UNTANGLE_GPU_FATBIN
    "\"\n"
    ".global untangle_gpu_fatbin_end\n"
    ".hidden untangle_gpu_fatbin_end\n"
    "untangle_gpu_fatbin_end:\n"
    ".previous\n");

extern "C" const unsigned char untangle_gpu_fatbin[];
extern "C" const unsigned char untangle_gpu_fatbin_end[];
#endif

namespace untangle::gpu {

std::span<const unsigned char> embedded_fatbin() {
#ifdef UNTANGLE_GPU_FATBIN
  return {untangle_gpu_fatbin, untangle_gpu_fatbin_end};
#else
  return {};
#endif
}

}  // namespace untangle::gpu
