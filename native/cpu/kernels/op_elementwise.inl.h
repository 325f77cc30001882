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

void unary(Unary fn, float alpha, float beta, const float* x, float* y, size_t count) {
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
  }
}
