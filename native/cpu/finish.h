// Which activations the kernels apply themselves, before they store their sums.

#pragma once

#include <limits>

#include "native/cpu/kernels/kernels.h"

namespace untangle {

/// The activation as a Finish; kNone of those that are left to the epilogue.
inline Finish make_finish(Unary activation, float alpha, float beta, const float* slopes) {
  switch (activation) {
    case Unary::kRelu:
      return {.kind = Finish::kClamp, .low = 0, .high = std::numeric_limits<float>::infinity()};
    case Unary::kClip:
      return {.kind = Finish::kClamp, .low = alpha, .high = beta};
    case Unary::kLeakyRelu:
      return {.kind = Finish::kSlope, .low = alpha};
    case Unary::kPrelu:
      return {.kind = Finish::kSlopes, .slopes = slopes};
    default:
      return {};
  }
}

/// Leaves the activation of a job to the kernels where they can apply it; not after a residual,
/// which the epilogue adds.
template <typename Job>
void choose_finish(Job& job, bool adds_residual) {
  if (adds_residual) return;
  job.finish = make_finish(job.activation, job.alpha, job.beta, job.slope);
  if (job.finish.kind != Finish::kNone) job.activation = Unary::kIdentity;
}

}  // namespace untangle
