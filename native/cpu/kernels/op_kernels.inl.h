// Builds OpKernels for one instruction set. Included by kernels_<isa>.cc inside its anonymous
// namespace, after math.inl.h; everything here has internal linkage.

#include "native/cpu/kernels/op_elementwise.inl.h"
// After elementwise, whose loops they reuse.
#include "native/cpu/kernels/op_blend.inl.h"
#include "native/cpu/kernels/op_copy.inl.h"
#include "native/cpu/kernels/op_reduce.inl.h"

constexpr OpKernels make_op_kernels() {
  return {
      .unary = unary,
      .binary = binary,
      .select = select,
      .copy_block = copy_block,
      .copy_padded = copy_padded,
      .stream = stream,
      .transpose_stream = transpose_stream,
      .end_streams = Vec::end_streams,
      .fill = fill,
      .pool_step = pool_step,
      .divide = divide,
      .reduce_row = reduce_row,
      .reduce_rows = reduce_rows,
      .exp_sum = exp_sum,
      .moments = moments,
      .merge_moments = merge_moments,
      .normalize = normalize,
      .blend = blend,
      .blend_pixels = blend_pixels,
      .matmul = matmul,
  };
}
