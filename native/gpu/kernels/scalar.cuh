// Scalar functions of a chain or an epilogue, as cpu/kernels/math.inl.h has them.

#pragma once

#include "native/gpu/kernels/device.cuh"

namespace untangle {
namespace gpu {

UNTANGLE_DEVICE uint32_t float_bits(float x) {
  union {
    float value;
    uint32_t bits;
  } u;
  u.value = x;
  return u.bits;
}

UNTANGLE_DEVICE float bits_float(uint32_t bits) {
  union {
    float value;
    uint32_t bits;
  } u;
  u.bits = bits;
  return u.value;
}

/// Math.max and Math.min of JavaScript: NaN wins.
UNTANGLE_DEVICE float larger(float a, float b) { return b > a || b != b ? b : a; }
UNTANGLE_DEVICE float smaller(float a, float b) { return b < a || b != b ? b : a; }

/// A whole number: truncated, NaN to 0; with a range wrapped to [low, low + range).
UNTANGLE_DEVICE float to_integer(float x, float low, float range) {
  const float whole = truncf(x);
  float turns = range > 0.0f ? floorf((whole - low) / range) : 0.0f;
  turns = whole < low + turns * range ? turns - 1.0f : turns;  // the difference was rounded up
  const float y = whole - turns * range;
  return y == y ? y + 0.0f : 0.0f;  // -0 becomes 0
}

/// `x` with the low `dropped` bits of its significand rounded away, ties to even.
UNTANGLE_DEVICE float drop_bits(float x, uint32_t dropped) {
  const uint32_t bits = float_bits(x);
  const uint32_t half = (1u << (dropped - 1)) - 1u + ((bits >> dropped) & 1u);
  return bits_float((bits + half) & ~((1u << dropped) - 1u));
}

UNTANGLE_DEVICE float to_float16(float x) {
  const float magnitude = fabsf(x);
  // Below the smallest normal number all values are multiples of 2^-24, as are f32 in [0.5, 1).
  const float small = copysignf((magnitude + 0.5f) - 0.5f, x);
  float y = magnitude < 6.103515625e-5f ? small : drop_bits(x, 13);
  y = magnitude >= 65520.0f ? copysignf(bits_float(0x7f800000u), x) : y;
  return x == x ? y : x;
}

UNTANGLE_DEVICE float clamped(float x, float low, float high) {
  const float y = x < low ? low : x;
  return y > high ? high : y;
}

/// log(1 + exp(x)) without overflow.
UNTANGLE_DEVICE float softplus(float x) {
  return x == x ? (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))) : x;
}

UNTANGLE_DEVICE float rounding_unary(Unary fn, float x, float a, float b) {
  switch (fn) {
    case Unary::kSign:
      return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
    case Unary::kRound:
      return rintf(x);
    case Unary::kToInteger:
      return to_integer(x, a, b);
    case Unary::kToBool:
      return x != 0.0f ? 1.0f : 0.0f;
    case Unary::kToFloat16:
      return to_float16(x);
    case Unary::kToBfloat16:
      return x == x ? drop_bits(x, 16) : x;
    case Unary::kThresholdedRelu:
      return x > a ? x : 0.0f;
    case Unary::kShrink:
      return x < -a ? x + b : x > a ? x - b : 0.0f;
    case Unary::kSin:
      return sinf(x);
    case Unary::kCos:
      return cosf(x);
    case Unary::kTan:
      return tanf(x);
    case Unary::kAsin:
      return asinf(x);
    case Unary::kAcos:
      return acosf(x);
    case Unary::kAtan:
      return atanf(x);
    case Unary::kSinh:
      return sinhf(x);
    case Unary::kCosh:
      return coshf(x);
    case Unary::kAsinh:
      return asinhf(x);
    case Unary::kAcosh:
      return acoshf(x);
    case Unary::kAtanh:
      return atanhf(x);
    default:
      return x;
  }
}

/// kPrelu needs a slope per element and is the caller's: the identity here. Never inlined:
/// epilogues apply it to every sum of a tile.
static __device__ __noinline__ float unary(Unary fn, float x, float a, float b) {
  switch (fn) {
    case Unary::kIdentity:
    case Unary::kPrelu:
      return x;
    case Unary::kRelu:
      return x < 0.0f ? 0.0f : x;
    case Unary::kLeakyRelu:
      return x < 0.0f ? a * x : x;
    case Unary::kClip:
      return clamped(x, a, b);
    case Unary::kTanh:
      return tanhf(x);
    case Unary::kSigmoid:
      return 1.0f / (1.0f + expf(-x));
    case Unary::kHardSigmoid:
      return clamped(a * x + b, 0.0f, 1.0f);
    case Unary::kHardSwish:
      return x * clamped(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f);
    case Unary::kElu:
      return x < 0.0f ? a * expm1f(x) : x;
    case Unary::kExp:
      return expf(x);
    case Unary::kLog:
      return logf(x);
    case Unary::kSqrt:
      return sqrtf(x);
    case Unary::kAbs:
      return fabsf(x);
    case Unary::kNeg:
      return -x;
    case Unary::kReciprocal:
      return 1.0f / x;
    case Unary::kFloor:
      return floorf(x);
    case Unary::kCeil:
      return ceilf(x);
    case Unary::kErf:
      return erff(x);
    case Unary::kSoftplus:
      return softplus(x);
    case Unary::kAffine:
      return a * x + b;
    default:
      return rounding_unary(fn, x, a, b);
  }
}

/// The exponents models use are exact.
UNTANGLE_DEVICE float power(float a, float b) {
  if (b == 2.0f) return a * a;
  if (b == 3.0f) return a * a * a;
  if (b == 0.5f) return sqrtf(a);
  if (b == -1.0f) return 1.0f / a;
  return powf(a, b);
}

UNTANGLE_DEVICE float floor_mod(float a, float b) {
  const float remainder = fmodf(a, b);
  const bool is_behind = remainder != 0.0f && (remainder < 0.0f) != (b < 0.0f);
  return (is_behind ? remainder + b : remainder) + 0.0f;  // -0 becomes 0
}

UNTANGLE_DEVICE float binary(Binary fn, float a, float b) {
  switch (fn) {
    case Binary::kAdd:
      return a + b;
    case Binary::kSub:
      return a - b;
    case Binary::kMul:
      return a * b;
    case Binary::kDiv:
      return a / b;
    case Binary::kMin:
      return smaller(a, b);
    case Binary::kMax:
      return larger(a, b);
    case Binary::kPow:
      return power(a, b);
    case Binary::kPrelu:
      return a < 0.0f ? a * b : a;
    case Binary::kMod:
      return floor_mod(a, b);
    case Binary::kFmod:
      return fmodf(a, b);
    case Binary::kEqual:
      return a == b ? 1.0f : 0.0f;
    case Binary::kLess:
      return a < b ? 1.0f : 0.0f;
    case Binary::kLessOrEqual:
      return a <= b ? 1.0f : 0.0f;
  }
  return 0.0f;
}

/// An epilogue's last step; `column` finds the slope.
UNTANGLE_DEVICE float activate(const ActivationParams& activation, float x, uint32_t column) {
  const Unary fn = static_cast<Unary>(activation.fn);
  if (fn == Unary::kIdentity) return x;
  if (fn == Unary::kRelu) return x < 0.0f ? 0.0f : x;
  if (fn == Unary::kPrelu) return x < 0.0f ? x * activation.slope[column] : x;
  return unary(fn, x, activation.alpha, activation.beta);
}

}  // namespace gpu
}  // namespace untangle
