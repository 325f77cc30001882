// Kernels for GPUs that no embedded image fits: compiled from the embedded sources by the board's
// own NVRTC at first use, and kept on disk.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "native/gpu/driver.h"

namespace untangle::gpu {

using NvrtcProgram = struct NvrtcProgramOpaque*;

/// The functions of nvrtc.def; statuses are nvrtcResult.
struct Nvrtc {
#define UNTANGLE_NVRTC(name, symbol, arguments) Status(*name) arguments = nullptr;
#include "native/gpu/nvrtc.def"
#undef UNTANGLE_NVRTC
  /// Since CUDA 11.1, code for one architecture instead of PTX; null before.
  Status (*cubin_size)(NvrtcProgram, size_t*) = nullptr;
  Status (*cubin)(NvrtcProgram, char*) = nullptr;

  std::string path;
};

/// The library in `path`. Throws NoDriver.
std::shared_ptr<const Nvrtc> open_nvrtc(const std::string& path);

/// The system's newest one, or the emulated driver's own. Throws NoDriver.
std::shared_ptr<const Nvrtc> find_nvrtc(const Driver& driver);

/// All kernels as an image for `architecture`: PTX for compute_NN, code for sm_NN. Throws NoDriver
/// with what the compiler said.
std::vector<char> compile_kernels(const Nvrtc& nvrtc, const std::string& architecture);

/// The same for compute capability `compute` (87), kept in $XDG_CACHE_HOME/untangle-edge or
/// ~/.cache/untangle-edge. Throws NoDriver.
std::vector<char> cached_kernels(const Driver& driver, int compute);

}  // namespace untangle::gpu
