// Scalar functions written without branches or calls, so that loops over them become vector code.
//
// Relative error against libm is a few 1e-7 over the whole range (test_math.cc holds the bounds);
// infinities, NaN, overflow and signed zeros come out as libm's. Included by kernels_<isa>.cc
// inside an anonymous namespace.

static inline float fast_min(float a, float b) { return a < b ? a : b; }
static inline float fast_max(float a, float b) { return a > b ? a : b; }
static inline float fast_abs(float x) { return __builtin_fabsf(x); }

/// 2^n for -127 < n < 128.
static inline float exp2_int(int32_t n) { return __builtin_bit_cast(float, (n + 127) << 23); }

/// exp(x) = 2^n * (1 + q): n near x / ln 2, |q| < 0.42. x is clamped to where exp neither over- nor
/// underflows fully.
struct ExpParts {
  int32_t n;
  float q;
};
static inline ExpParts exp_parts(float x) {
  // Adding 1.5 * 2^23 rounds to an integer, left in the low bits: no float-to-int conversion to go
  // wrong on NaN.
  constexpr float kRounder = 12582912.0f;
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float rounded = x * 1.44269504f + kRounder;
  const float n = rounded - kRounder;
  // ln 2 in two parts, the first short enough for n times it to be exact.
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return {__builtin_bit_cast(int32_t, rounded) - 0x4b400000, p * r * r + r};
}

static inline float fast_exp(float x) {
  const ExpParts e = exp_parts(x);
  const int32_t half = e.n >> 1;  // two factors: 2^n itself may be past either end of the exponents
  return (1.0f + e.q) * exp2_int(half) * exp2_int(e.n - half);
}

/// exp(x) - 1 without cancellation near 0.
static inline float fast_expm1(float x) {
  const float clamped = x < -30.0f ? -30.0f : x;
  const ExpParts e = exp_parts(clamped);
  const int32_t half = e.n >> 1;
  const float small = exp2_int(e.n < 127 ? e.n : 127);
  const float near = small * e.q + (small - 1.0f);
  const float far = (1.0f + e.q) * exp2_int(half) * exp2_int(e.n - half);
  return clamped > 40.0f ? far : near;
}

static inline float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

/// Rational minimax approximation on [-7.9, 7.9], where tanh reaches 1 in f32 (the one Eigen and
/// XLA use).
static inline float fast_tanh(float x) {
  constexpr float kEnd = 7.90531110763549805f;
  float c = x < -kEnd ? -kEnd : x;
  c = c > kEnd ? kEnd : c;
  const float s = c * c;
  float p = -2.76076847742355e-16f;
  p = p * s + 2.00018790482477e-13f;
  p = p * s + -8.60467152213735e-11f;
  p = p * s + 5.12229709037114e-08f;
  p = p * s + 1.48572235717979e-05f;
  p = p * s + 6.37261928875436e-04f;
  p = p * s + 4.89352455891786e-03f;
  float q = 1.19825839466702e-06f;
  q = q * s + 1.18534705686654e-04f;
  q = q * s + 2.26843463243900e-03f;
  q = q * s + 4.89352518554385e-03f;
  return fast_abs(x) < 4e-4f ? x : c * p / q;
}

/// x * P(x^2) near 0, 1 - exp(polynomial) beyond (after N. Juffa's erff).
static inline float fast_erf(float x) {
  const float t = fast_min(fast_abs(x), 10.0f);
  const float s = t * t;
  float r = -1.72853470e-5f * t + 3.83197126e-4f;
  const float u = -3.88396438e-3f * t + 2.42546219e-2f;
  r = r * s + u;
  r = r * t + -1.06777877e-1f;
  r = r * t + -6.34846687e-1f;
  r = r * t + -1.28717512e-1f;
  r = r * t - t;
  const float far = __builtin_copysignf(1.0f - fast_exp(r), x);
  float p = -5.96761703e-4f;
  p = p * s + 4.99119423e-3f;
  p = p * s + -2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s + -3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  const float near = p * x + x;
  return fast_abs(x) > 0.927734375f ? far : near;
}

static inline float fast_log(float x) {
  // Denormals are scaled up first; then x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
  const bool tiny = x < 1.17549435e-38f;
  const float scaled = tiny ? x * 8388608.0f : x;
  const auto shift = static_cast<int32_t>(__builtin_bit_cast(uint32_t, scaled) - 0x3f3504f3u);
  const float e = static_cast<float>((shift >> 23) - (tiny ? 23 : 0));
  const float r = __builtin_bit_cast(float, (shift & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const float s = r * r;
  float p = 7.0376836292e-2f;
  p = p * r + -1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r + -1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r + -1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r + -2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  float y = p * r * s + e * -2.12194440e-4f;
  y = r + (y - 0.5f * s) + e * 0.693359375f;
  y = x > 3.40282347e38f ? x : y;
  y = x == 0.0f ? -__builtin_inff() : y;
  return x >= 0.0f ? y : __builtin_nanf("");
}

/// log(1 + exp(x)), exact in relative terms for very negative x too.
static inline float fast_softplus(float x) {
  const float e = fast_exp(-fast_abs(x));
  const float u = 1.0f + e;
  const float d = u - 1.0f;  // the part of e that u kept; the ratio corrects what was rounded away
  const float log1p = d == 0.0f ? e : fast_log(u) * (e / (d == 0.0f ? 1.0f : d));
  return (x > 0.0f ? x : 0.0f) + (x == x ? log1p : x);
}

/// A whole number: truncated, NaN to 0; with a range wrapped to [low, low + range).
static inline float fast_integer(float x, float low, float range) {
  const float whole = __builtin_truncf(x);
  float turns = range > 0.0f ? __builtin_floorf((whole - low) / range) : 0.0f;
  turns = whole < low + turns * range ? turns - 1.0f : turns;  // the difference was rounded up
  const float y = whole - turns * range;
  return y == y ? y + 0.0f : 0.0f;  // -0 becomes 0
}

/// `x` with the low `kDropped` bits of its significand rounded away, ties to even.
template <int kDropped>
static inline float drop_bits(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t half = (1u << (kDropped - 1)) - 1u + ((bits >> kDropped) & 1u);
  return __builtin_bit_cast(float, (bits + half) & ~((1u << kDropped) - 1u));
}

static inline float fast_float16(float x) {
  const float magnitude = fast_abs(x);
  // Below the smallest normal number all values are multiples of 2^-24, as are f32 in [0.5, 1).
  const float small = __builtin_copysignf((magnitude + 0.5f) - 0.5f, x);
  float y = magnitude < 6.103515625e-5f ? small : drop_bits<13>(x);
  y = magnitude >= 65520.0f ? __builtin_copysignf(__builtin_inff(), x) : y;
  return x == x ? y : x;
}

static inline float fast_bfloat16(float x) { return x == x ? drop_bits<16>(x) : x; }

/// Arguments of fast_sin and fast_cos lie below; past it neighbouring floats are 4 apart.
constexpr float kTrigonometricEnd = 33554432.0f;

/// sin(x + quarter * pi/2): x = n * pi/2 + r with |r| <= pi/4, in double; then the polynomials of
/// Cephes (S. Moshier) for the sine or cosine of r.
static inline float fast_sin_shifted(float x, int64_t quarter) {
  constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52
  const double rounded = static_cast<double>(x) * 0.6366197723675814 + kRounder;
  const double n = rounded - kRounder;
  // pi/2 in two parts, the first of 28 bits: n times it is exact for |x| < kTrigonometricEnd.
  const double rest = (static_cast<double>(x) - n * 1.5707963258028030) - n * 9.920935796805404e-10;
  const int32_t turn = static_cast<int32_t>(__builtin_bit_cast(int64_t, rounded) + quarter) & 3;
  const float r = static_cast<float>(rest);
  const float s = r * r;
  float sine = -1.9515295891e-4f;
  sine = sine * s + 8.3321608736e-3f;
  sine = sine * s + -1.6666654611e-1f;
  sine = sine * s * r + r;
  float cosine = 2.443315711809948e-5f;
  cosine = cosine * s + -1.388731625493765e-3f;
  cosine = cosine * s + 4.166664568298827e-2f;
  cosine = cosine * s * s - 0.5f * s + 1.0f;
  const float y = (turn & 1) != 0 ? cosine : sine;
  return (turn & 2) != 0 ? -y : y;
}

static inline float fast_sin(float x) { return fast_sin_shifted(x, 0); }
static inline float fast_cos(float x) { return fast_sin_shifted(x, 1); }

/// The functions that few models use: one call of libm per element, but for sine and cosine.
template <class Body>
inline void with_libm(Unary fn, Body&& body) {
  switch (fn) {
    case Unary::kSin:
      return body([](float x, float, float) { return fast_sin(x); });
    case Unary::kCos:
      return body([](float x, float, float) { return fast_cos(x); });
    case Unary::kTan:
      return body([](float x, float, float) { return __builtin_tanf(x); });
    case Unary::kAsin:
      return body([](float x, float, float) { return __builtin_asinf(x); });
    case Unary::kAcos:
      return body([](float x, float, float) { return __builtin_acosf(x); });
    case Unary::kAtan:
      return body([](float x, float, float) { return __builtin_atanf(x); });
    case Unary::kSinh:
      return body([](float x, float, float) { return __builtin_sinhf(x); });
    case Unary::kCosh:
      return body([](float x, float, float) { return __builtin_coshf(x); });
    case Unary::kAsinh:
      return body([](float x, float, float) { return __builtin_asinhf(x); });
    case Unary::kAcosh:
      return body([](float x, float, float) { return __builtin_acoshf(x); });
    case Unary::kAtanh:
      return body([](float x, float, float) { return __builtin_atanhf(x); });
    default:
      return;  // no other function is left
  }
}

/// Signs, thresholds and the roundings that changes of type are made of.
template <class Body>
inline void with_rounding(Unary fn, Body&& body) {
  switch (fn) {
    case Unary::kSign:
      return body([](float x, float, float) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; });
    case Unary::kRound:
      return body([](float x, float, float) { return __builtin_rintf(x); });
    case Unary::kToInteger:
      return body([](float x, float a, float b) { return fast_integer(x, a, b); });
    case Unary::kToBool:
      return body([](float x, float, float) { return x != 0.0f ? 1.0f : 0.0f; });
    case Unary::kToFloat16:
      return body([](float x, float, float) { return fast_float16(x); });
    case Unary::kToBfloat16:
      return body([](float x, float, float) { return fast_bfloat16(x); });
    case Unary::kThresholdedRelu:
      return body([](float x, float a, float) { return x > a ? x : 0.0f; });
    case Unary::kShrink:
      return body([](float x, float a, float b) { return x < -a ? x + b : x > a ? x - b : 0.0f; });
    default:
      return with_libm(fn, body);
  }
}

/// Calls body(f) with the scalar function f(x, alpha, beta) of `fn`, so that a loop in body sees it
/// inlined. kPrelu, which needs a slope per element, is the caller's and runs as the identity here.
template <class Body>
inline void with_unary(Unary fn, Body&& body) {
  switch (fn) {
    case Unary::kIdentity:
    case Unary::kPrelu:
      return body([](float x, float, float) { return x; });
    case Unary::kRelu:
      return body([](float x, float, float) { return x < 0.0f ? 0.0f : x; });
    case Unary::kLeakyRelu:
      return body([](float x, float a, float) { return x < 0.0f ? a * x : x; });
    case Unary::kClip:
      return body([](float x, float a, float b) {
        const float low = x < a ? a : x;
        return low > b ? b : low;
      });
    case Unary::kTanh:
      return body([](float x, float, float) { return fast_tanh(x); });
    case Unary::kSigmoid:
      return body([](float x, float, float) { return fast_sigmoid(x); });
    case Unary::kHardSigmoid:
      return body([](float x, float a, float b) {
        const float y = a * x + b;
        const float low = y < 0.0f ? 0.0f : y;
        return low > 1.0f ? 1.0f : low;
      });
    case Unary::kHardSwish:
      return body([](float x, float, float) {
        const float y = x * (1.0f / 6.0f) + 0.5f;
        const float low = y < 0.0f ? 0.0f : y;
        return x * (low > 1.0f ? 1.0f : low);
      });
    case Unary::kElu:
      return body([](float x, float a, float) { return x < 0.0f ? a * fast_expm1(x) : x; });
    case Unary::kExp:
      return body([](float x, float, float) { return fast_exp(x); });
    case Unary::kLog:
      return body([](float x, float, float) { return fast_log(x); });
    case Unary::kSqrt:
      return body([](float x, float, float) { return __builtin_sqrtf(x); });
    case Unary::kAbs:
      return body([](float x, float, float) { return fast_abs(x); });
    case Unary::kNeg:
      return body([](float x, float, float) { return -x; });
    case Unary::kReciprocal:
      return body([](float x, float, float) { return 1.0f / x; });
    case Unary::kFloor:
      return body([](float x, float, float) { return __builtin_floorf(x); });
    case Unary::kCeil:
      return body([](float x, float, float) { return __builtin_ceilf(x); });
    case Unary::kErf:
      return body([](float x, float, float) { return fast_erf(x); });
    case Unary::kSoftplus:
      return body([](float x, float, float) { return fast_softplus(x); });
    case Unary::kAffine:
      return body([](float x, float a, float b) { return a * x + b; });
    default:
      return with_rounding(fn, body);
  }
}
