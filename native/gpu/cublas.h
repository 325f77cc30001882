// cuBLAS, found at run time like the driver. Without it sweeps tap by tap are left to our kernels.

#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "native/gpu/driver.h"

namespace untangle::gpu {

using CublasHandle = struct CublasOpaque*;

inline constexpr int kCublasNoTranspose = 0;
inline constexpr int kCublasDefaultMath = 0;  // f32 in f32: no TF32
inline constexpr int kCublasTf32Math = 3;     // TF32 where there are tensor cores
inline constexpr Status kCublasAllocFailed = 3;

/// Memory for products that are cut along their sum; what cuBLAS takes by itself is not counted.
inline constexpr size_t kCublasWorkspaceBytes = size_t{4} << 20;

/// The functions of cublas.def; statuses are cublasStatus_t.
struct Cublas {
#define UNTANGLE_CUBLAS(name, symbol, arguments) Status(*name) arguments = nullptr;
#include "native/gpu/cublas.def"
#undef UNTANGLE_CUBLAS
  /// Since CUDA 11; null before.
  Status (*set_workspace)(CublasHandle, void*, size_t) = nullptr;

  std::string path;
};

/// The library, or null with the reason; opened once. An emulated driver has its own.
std::shared_ptr<const Cublas> open_cublas(const Driver& driver, std::string& reason);

/// Throws GpuFailure when a call failed.
void check_cublas(const char* call, Status status);

}  // namespace untangle::gpu
