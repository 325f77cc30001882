// All kernels as one module.

#include "native/gpu/kernels/axis.cu"
#include "native/gpu/kernels/copy.cu"
#include "native/gpu/kernels/depthwise.cu"
#include "native/gpu/kernels/elementwise.cu"
#include "native/gpu/kernels/gather.cu"
#include "native/gpu/kernels/gemm_taps.cu"
#include "native/gpu/kernels/grid_sample.cu"
#include "native/gpu/kernels/matmul.cu"
#include "native/gpu/kernels/normalize.cu"
#include "native/gpu/kernels/pool.cu"
#include "native/gpu/kernels/reduce.cu"
#include "native/gpu/kernels/resize.cu"
