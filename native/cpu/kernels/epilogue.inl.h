// What follows an accumulation: residual and activation over rows that are still in L1; see
// EpilogueRows in kernels.h. Included by kernels_<isa>.cc inside an anonymous namespace, after
// math.inl.h.

/// Rows [i, end) of an epilogue that lie one after the other everywhere.
inline size_t end_of_run(const EpilogueRows& e, size_t i) {
  const auto follows = [&](const auto* rows, size_t row) {
    return rows == nullptr || rows[row] == rows[row - 1] + e.columns;
  };
  size_t end = i + 1;
  while (end < e.rows && follows(e.source, end) && follows(e.target, end) &&
         follows(e.residual, end)) {
    end++;
  }
  return end;
}

/// `count` elements from row i on. Cases of one loop, so that each is a plain vector loop. A target
/// may be its own source or residual.
template <class F>
inline void epilogue_row(const EpilogueRows& e, size_t i, size_t count, F f) {
  const float* source = e.source[i];
  float* target = e.target[i];
  const float* residual = e.residual != nullptr ? e.residual[i] : nullptr;
  const float alpha = e.activation.alpha;
  const float beta = e.activation.beta;
  // Equal or disjoint, never shifted: element j depends on element j only.
  if (residual != nullptr) {
#pragma GCC ivdep
    for (size_t j = 0; j < count; j++) target[j] = f(source[j] + residual[j], alpha, beta);
  } else {
#pragma GCC ivdep
    for (size_t j = 0; j < count; j++) target[j] = f(source[j], alpha, beta);
  }
}

inline void epilogue_prelu_row(const EpilogueRows& e, size_t i) {
  const float* source = e.source[i];
  const float* slope = e.activation.slope;
  const float* residual = e.residual != nullptr ? e.residual[i] : nullptr;
  float* target = e.target[i];
#pragma GCC ivdep
  for (size_t j = 0; j < e.columns; j++) {
    const float x = residual != nullptr ? source[j] + residual[j] : source[j];
    target[j] = x < 0.0f ? x * slope[j] : x;
  }
}

void epilogue_f32(const EpilogueRows& e) {
  if (e.activation.fn == Unary::kPrelu) {
    for (size_t i = 0; i < e.rows; i++) epilogue_prelu_row(e, i);
    return;
  }
  with_unary(e.activation.fn, [&e](auto f) {
    for (size_t i = 0, end = 0; i < e.rows; i = end) {
      end = end_of_run(e, i);
      epilogue_row(e, i, (end - i) * e.columns, f);
    }
  });
}
