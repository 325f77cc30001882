// The kernels, compiled for the host.

#define UNTANGLE_GPU_EMULATOR
#include <cstring>

#include "native/gpu/emulator/block.h"
#include "native/gpu/kernels/all.cu"

namespace untangle::gpu {

const EmulatedKernel* find_kernel(const char* name) {
#define UNTANGLE_GPU_KERNEL(name, Params, threads, synchronizes)                             \
  {"untangle_" #name,                                                                        \
   [](const void* parameters) { untangle_##name(*static_cast<const Params*>(parameters)); }, \
   sizeof(Params), threads, synchronizes},
  static const EmulatedKernel kKernels[] = {
#include "native/gpu/kernels/kernels.def"
  };
#undef UNTANGLE_GPU_KERNEL
  for (const EmulatedKernel& kernel : kKernels) {
    if (std::strcmp(kernel.name, name) == 0) return &kernel;
  }
  return nullptr;
}

}  // namespace untangle::gpu
