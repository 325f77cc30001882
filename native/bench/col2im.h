// A transposed convolution as GEMM + col2im: the columns of all taps by one cuBLAS product for each
// group, then a kernel that sums them up.

#pragma once

#include <memory>

#include "native/bench/layer.h"
#include "native/gpu/session.h"

namespace untangle::bench {

/// A session of a layer of Method::kCol2im, on a device with cuBLAS.
gpu::GpuSession col2im_session(const std::shared_ptr<const gpu::Device>& device,
                               const LayerProgram& layer);

}  // namespace untangle::bench
