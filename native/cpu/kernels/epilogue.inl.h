// What follows an accumulation: residual and activation over rows that are still in L1; see
// EpilogueRows in kernels.h. Included by kernels_<isa>.cc inside an anonymous namespace, after
// math.inl.h.

/// Four cases of one loop, so that each is a plain vector loop. A target may be its own source or
/// residual.
template <class F>
inline void epilogue_row(const EpilogueRows& e, size_t i, F f) {
  const float* source = e.source[i];
  float* target = e.target[i];
  const float* residual = e.residual != nullptr ? e.residual[i] : nullptr;
  const float alpha = e.alpha;
  const float beta = e.beta;
  // Equal or disjoint, never shifted: element j depends on element j only.
  if (residual != nullptr) {
#pragma GCC ivdep
    for (size_t j = 0; j < e.columns; j++) target[j] = f(source[j] + residual[j], alpha, beta);
  } else {
#pragma GCC ivdep
    for (size_t j = 0; j < e.columns; j++) target[j] = f(source[j], alpha, beta);
  }
}

inline void epilogue_prelu_row(const EpilogueRows& e, size_t i) {
  const float* source = e.source[i];
  const float* slope = e.slope;
  const float* residual = e.residual != nullptr ? e.residual[i] : nullptr;
  float* target = e.target[i];
#pragma GCC ivdep
  for (size_t j = 0; j < e.columns; j++) {
    const float x = residual != nullptr ? source[j] + residual[j] : source[j];
    target[j] = x < 0.0f ? x * slope[j] : x;
  }
}

void epilogue_f32(const EpilogueRows& e) {
  if (e.activation == Unary::kPrelu) {
    for (size_t i = 0; i < e.rows; i++) epilogue_prelu_row(e, i);
    return;
  }
  with_unary(e.activation, [&e](auto f) {
    for (size_t i = 0; i < e.rows; i++) epilogue_row(e, i, f);
  });
}
