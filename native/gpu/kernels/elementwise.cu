// elementwise: a chain of scalar functions, one thread per element; results stay in registers.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

constexpr uint32_t kMaxChainInputs = 6;
constexpr uint32_t kMaxChainOps = 32;

UNTANGLE_DEVICE float apply_op(const OpRecord& op, const float* values) {
  const float a = values[op.a];
  if (op.kind == kOpBinary) return binary(static_cast<Binary>(op.code), a, values[op.b]);
  if (op.kind == kOpTernary) return a != 0.0f ? values[op.b] : values[op.c];
  return unary(static_cast<Unary>(op.code), a, bits_float(op.alpha_bits), bits_float(op.beta_bits));
}

extern "C" __global__ void __launch_bounds__(256) untangle_elementwise(const ElementwiseParams p) {
  for (uint32_t i = thread_index(); i < p.nest.count; i += thread_count()) {
    int32_t offsets[kNestViews];
    locate(p.nest, i, offsets);
    float values[kMaxChainInputs + kMaxChainOps];
    for (uint32_t v = 0; v < p.inputs; v++) values[v] = load(p.nest.values[1 + v], offsets[1 + v]);
    for (uint32_t o = 0; o < p.op_count; o++) values[p.inputs + o] = apply_op(p.ops[o], values);
    store(p.nest.values[0], offsets[0], values[p.inputs + p.op_count - 1]);
  }
}

}  // namespace gpu
}  // namespace untangle
