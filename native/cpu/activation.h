// Activations of commands, and which of them the kernels apply themselves before they store their
// sums.

#pragma once

#include <bit>
#include <limits>

#include "native/cpu/kernels/kernels.h"
#include "native/cpu/region_pixels.h"

namespace untangle {

/// The activation of a command that has one.
template <typename Command>
Activation resolve_activation(const Command& command, const Execution& run) {
  return {.fn = static_cast<Unary>(command.activation),
          .alpha = std::bit_cast<float>(command.alpha_bits),
          .beta = std::bit_cast<float>(command.beta_bits),
          .slope = resolve_constants(run, command.slope_view)};
}

/// An activation as a Finish; kNone of those that are left to the epilogue.
inline Finish make_finish(const Activation& activation) {
  switch (activation.fn) {
    case Unary::kRelu:
      return {.kind = Finish::kClamp, .low = 0, .high = std::numeric_limits<float>::infinity()};
    case Unary::kClip:
      return {.kind = Finish::kClamp, .low = activation.alpha, .high = activation.beta};
    case Unary::kLeakyRelu:
      return {.kind = Finish::kSlope, .low = activation.alpha};
    case Unary::kPrelu:
      return {.kind = Finish::kSlopes, .slopes = activation.slope};
    default:
      return {};
  }
}

/// Leaves the activation of a job to the kernels where they can apply it; not after a residual,
/// which the epilogue adds.
template <typename Job>
void choose_finish(Job& job, bool adds_residual) {
  if (adds_residual) return;
  job.finish = make_finish(job.activation);
  if (job.finish.kind != Finish::kNone) job.activation.fn = Unary::kIdentity;
}

}  // namespace untangle
