// Before and after the products of a sweep tap by tap: bias and residual, then the activation. One
// thread per output of a region.

#include "native/gpu/kernels/swept.cuh"

namespace untangle {
namespace gpu {

/// The residual may lie where y will.
extern "C" __global__ void __launch_bounds__(256) untangle_sweep_begin(const GemmTapsParams p) {
  SweptOutput output;
  if (!find_output(p, output)) return;
  float value = p.bias == nullptr ? 0.0f : p.bias[output.column];
  if (has_values(p.residual.values))
    value += load(p.residual.values, offset_in(p.residual, output));
  store(p.y.values, offset_in(p.y, output), value);
}

extern "C" __global__ void __launch_bounds__(256) untangle_sweep_end(const GemmTapsParams p) {
  SweptOutput output;
  if (!find_output(p, output)) return;
  const int32_t at = offset_in(p.y, output);
  store(p.y.values, at, activate(p.activation, load(p.y.values, at), output.column));
}

}  // namespace gpu
}  // namespace untangle
