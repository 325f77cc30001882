// Bodies of OpKernels::unary and binary. Included by op_kernels.inl.h.

// The output may be the very memory of an operand, which the compiler's overlap test would take for
// a reason to run the loop one element at a time.
#if defined(__clang__)
#define UNTANGLE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define UNTANGLE_INDEPENDENT _Pragma("GCC ivdep")
#endif

template <typename Function>
inline void map(const float* x, float* y, size_t count, Function function) {
  UNTANGLE_INDEPENDENT
  for (size_t i = 0; i < count; i++) y[i] = function(x[i]);
}

/// Math.max and Math.min of JavaScript: NaN wins.
inline float larger(float a, float b) { return b > a || b != b ? b : a; }
inline float smaller(float a, float b) { return b < a || b != b ? b : a; }

bool passes_trigonometric_end(const float* x, size_t count) {
  uint32_t far = 0;
  for (size_t i = 0; i < count; i++) far |= fast_abs(x[i]) < kTrigonometricEnd ? 0u : 1u;
  return far != 0;
}

void unary(Unary fn, float alpha, float beta, const float* x, float* y, size_t count) {
  if (fn == Unary::kSin && passes_trigonometric_end(x, count)) {
    return map(x, y, count, [](float value) { return __builtin_sinf(value); });
  }
  if (fn == Unary::kCos && passes_trigonometric_end(x, count)) {
    return map(x, y, count, [](float value) { return __builtin_cosf(value); });
  }
  with_unary(fn, [=](auto function) {
    map(x, y, count, [=](float value) { return function(value, alpha, beta); });
  });
}

/// Operands with step 0 are read once, so that the loop has contiguous operands only.
template <typename Function>
inline void zip(const float* a, size_t a_step, const float* b, size_t b_step, float* y,
                size_t count, Function function) {
  if (a_step == 0) {
    const float left = *a;
    if (b_step == 0) {
      const float value = function(left, *b);
      for (size_t i = 0; i < count; i++) y[i] = value;
      return;
    }
    UNTANGLE_INDEPENDENT
    for (size_t i = 0; i < count; i++) y[i] = function(left, b[i]);
  } else if (b_step == 0) {
    const float right = *b;
    UNTANGLE_INDEPENDENT
    for (size_t i = 0; i < count; i++) y[i] = function(a[i], right);
  } else {
    UNTANGLE_INDEPENDENT
    for (size_t i = 0; i < count; i++) y[i] = function(a[i], b[i]);
  }
}

/// The exponents models use need no logarithm.
void power(const float* a, size_t a_step, const float* b, size_t b_step, float* y, size_t count) {
  if (b_step == 0 && a_step == 1) {
    const float exponent = *b;
    if (exponent == 2.0f) return map(a, y, count, [](float v) { return v * v; });
    if (exponent == 3.0f) return map(a, y, count, [](float v) { return v * v * v; });
    if (exponent == 0.5f) return map(a, y, count, [](float v) { return __builtin_sqrtf(v); });
    if (exponent == -1.0f) return map(a, y, count, [](float v) { return 1.0f / v; });
  }
  for (size_t i = 0; i < count; i++) y[i] = __builtin_powf(a[i * a_step], b[i * b_step]);
}

float floor_mod(float a, float b) {
  const float remainder = __builtin_fmodf(a, b);
  const bool is_behind = remainder != 0.0f && (remainder < 0.0f) != (b < 0.0f);
  return (is_behind ? remainder + b : remainder) + 0.0f;  // -0 becomes 0
}

/// y[i] = c[i] != 0 ? a[i] : b[i]; a step of 0 repeats one value.
void select(const float* c, size_t c_step, const float* a, size_t a_step, const float* b,
            size_t b_step, float* y, size_t count) {
  if (c_step == 0) {
    const float* chosen = *c != 0.0f ? a : b;
    const size_t step = *c != 0.0f ? a_step : b_step;
    for (size_t i = 0; i < count; i++) y[i] = chosen[i * step];
    return;
  }
  const auto blend = [=](auto left, auto right) {
    UNTANGLE_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
      const float l = left(i);
      const float r = right(i);
      y[i] = c[i] != 0.0f ? l : r;
    }
  };
  const auto values = [](const float* x) { return [x](size_t i) { return x[i]; }; };
  const auto one = [](float value) { return [value](size_t) { return value; }; };
  if (a_step == 0 && b_step == 0) return blend(one(*a), one(*b));
  if (a_step == 0) return blend(one(*a), values(b));
  if (b_step == 0) return blend(values(a), one(*b));
  blend(values(a), values(b));
}

void binary(Binary fn, const float* a, size_t a_step, const float* b, size_t b_step, float* y,
            size_t count) {
  const auto apply = [=](auto function) { zip(a, a_step, b, b_step, y, count, function); };
  switch (fn) {
    case Binary::kAdd:
      return apply([](float l, float r) { return l + r; });
    case Binary::kSub:
      return apply([](float l, float r) { return l - r; });
    case Binary::kMul:
      return apply([](float l, float r) { return l * r; });
    case Binary::kDiv:
      return apply([](float l, float r) { return l / r; });
    case Binary::kMin:
      return apply(smaller);
    case Binary::kMax:
      return apply(larger);
    case Binary::kPow:
      return power(a, a_step, b, b_step, y, count);
    case Binary::kPrelu:
      return apply([](float l, float r) { return l < 0.0f ? l * r : l; });
    case Binary::kMod:
      return apply(floor_mod);
    case Binary::kFmod:
      return apply([](float l, float r) { return __builtin_fmodf(l, r); });
    case Binary::kEqual:
      return apply([](float l, float r) { return l == r ? 1.0f : 0.0f; });
    case Binary::kLess:
      return apply([](float l, float r) { return l < r ? 1.0f : 0.0f; });
    case Binary::kLessOrEqual:
      return apply([](float l, float r) { return l <= r ? 1.0f : 0.0f; });
  }
}
