// Bodies of the OpKernels that combine elements: pooling, reductions, moments, normalisation,
// softmax. Included by op_kernels.inl.h.

void pool_step(Pool fn, const float* x, float* y, size_t count) {
  if (fn == Pool::kMax) {
    for (size_t i = 0; i < count; i++) y[i] = larger(y[i], x[i]);
  } else {
    for (size_t i = 0; i < count; i++) y[i] += x[i];
  }
}

void divide(float divisor, float* y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] /= divisor;
}

inline float same(float x) { return x; }
inline float square(float x) { return x * x; }
inline float absolute(float x) { return __builtin_fabsf(x); }
inline float plus(float a, float b) { return a + b; }
inline float times(float a, float b) { return a * b; }

/// Calls `body` with the term and the combination of a reduction.
template <typename Body>
inline auto with_reduction(Reduce fn, Body body) {
  switch (fn) {
    case Reduce::kMax:
      return body(same, larger);
    case Reduce::kMin:
      return body(same, smaller);
    case Reduce::kProd:
      return body(same, times);
    case Reduce::kSumSquares:
      return body(square, plus);
    case Reduce::kSumAbs:
      return body(absolute, plus);
    case Reduce::kMean:
    case Reduce::kSum:
      break;
  }
  return body(same, plus);
}

/// Combines the terms of `count` >= 1 elements in kSumLanes interleaved parts, then these in order.
template <typename Term, typename Combine>
inline float combine_row(const float* x, size_t count, Term term, Combine combine) {
  float result = term(x[0]);
  size_t i = 1;
  if (count >= kSumLanes) {
    float lanes[kSumLanes];
    for (size_t l = 0; l < kSumLanes; l++) lanes[l] = term(x[l]);
    for (i = kSumLanes; i + kSumLanes <= count; i += kSumLanes) {
      for (size_t l = 0; l < kSumLanes; l++) lanes[l] = combine(lanes[l], term(x[i + l]));
    }
    result = lanes[0];
    for (size_t l = 1; l < kSumLanes; l++) result = combine(result, lanes[l]);
  }
  for (; i < count; i++) result = combine(result, term(x[i]));
  return result;
}

float reduce_row(Reduce fn, const float* x, size_t count) {
  return with_reduction(
      fn, [&](auto term, auto combine) { return combine_row(x, count, term, combine); });
}

/// Four rows at a time: one load and store of `acc` serves four loads of x.
template <typename Term, typename Combine>
inline void combine_rows(const float* x, ptrdiff_t row_stride, size_t rows, float* acc,
                         size_t columns, Term term, Combine combine) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* x0 = x + static_cast<ptrdiff_t>(r) * row_stride;
    const float* x1 = x0 + row_stride;
    const float* x2 = x1 + row_stride;
    const float* x3 = x2 + row_stride;
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < columns; c++) {
      const float left = combine(term(x0[c]), term(x1[c]));
      acc[c] = combine(acc[c], combine(left, combine(term(x2[c]), term(x3[c]))));
    }
  }
  for (; r < rows; r++) {
    const float* x0 = x + static_cast<ptrdiff_t>(r) * row_stride;
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < columns; c++) acc[c] = combine(acc[c], term(x0[c]));
  }
}

void reduce_rows(Reduce fn, const float* x, ptrdiff_t row_stride, size_t rows, float* acc,
                 size_t columns) {
  with_reduction(fn, [&](auto term, auto combine) {
    combine_rows(x, row_stride, rows, acc, columns, term, combine);
  });
}

float exp_sum(const float* x, float shift, float* y, size_t count) {
  float lanes[kSumLanes] = {};
  size_t i = 0;
  for (; i + kSumLanes <= count; i += kSumLanes) {
    float terms[kSumLanes];
    for (size_t l = 0; l < kSumLanes; l++) terms[l] = fast_exp(x[i + l] - shift);
    for (size_t l = 0; l < kSumLanes; l++) lanes[l] += terms[l];
    if (y != nullptr) __builtin_memcpy(y + i, terms, sizeof(terms));
  }
  float sum = lanes[0];
  for (size_t l = 1; l < kSumLanes; l++) sum += lanes[l];
  for (; i < count; i++) {
    const float term = fast_exp(x[i] - shift);
    sum += term;
    if (y != nullptr) y[i] = term;
  }
  return sum;
}

void moments(const float* x, ptrdiff_t pixel_stride, size_t pixels, size_t channels, float* mean,
             float* m2) {
  for (size_t c = 0; c < channels; c++) mean[c] = m2[c] = 0.0f;
  reduce_rows(Reduce::kSum, x, pixel_stride, pixels, mean, channels);
  divide(static_cast<float>(pixels), mean, channels);
  size_t p = 0;
  for (; p + 4 <= pixels; p += 4) {
    const float* x0 = x + static_cast<ptrdiff_t>(p) * pixel_stride;
    const float* x1 = x0 + pixel_stride;
    const float* x2 = x1 + pixel_stride;
    const float* x3 = x2 + pixel_stride;
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < channels; c++) {
      const float d0 = x0[c] - mean[c];
      const float d1 = x1[c] - mean[c];
      const float d2 = x2[c] - mean[c];
      const float d3 = x3[c] - mean[c];
      m2[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    }
  }
  for (; p < pixels; p++) {
    const float* x0 = x + static_cast<ptrdiff_t>(p) * pixel_stride;
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < channels; c++) {
      const float d = x0[c] - mean[c];
      m2[c] += d * d;
    }
  }
}

void merge_moments(float left, float right, const float* other_mean, const float* other_m2,
                   float* mean, float* m2, size_t channels) {
  const float share = right / (left + right);
  const float spread = left * share;
  UNTANGLE_INDEPENDENT
  for (size_t c = 0; c < channels; c++) {
    const float delta = other_mean[c] - mean[c];
    mean[c] += delta * share;
    m2[c] += other_m2[c] + delta * delta * spread;
  }
}

/// The linear part of one pixel.
inline void normalize_pixel(const NormalizeRows& rows, const float* x, const float* residual,
                            float* y) {
  const float* mean = rows.mean;
  const float* factor = rows.factor;
  const float* shift = rows.shift;
  if (residual != nullptr) {
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < rows.channels; c++) {
      y[c] = (x[c] - mean[c]) * factor[c] + shift[c] + residual[c];
    }
  } else {
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < rows.channels; c++) y[c] = (x[c] - mean[c]) * factor[c] + shift[c];
  }
}

void normalize(const NormalizeRows& rows) {
  for (size_t p = 0; p < rows.pixels; p++) {
    const ptrdiff_t pixel = static_cast<ptrdiff_t>(p);
    float* y = rows.y + pixel * rows.y_stride;
    normalize_pixel(
        rows, rows.x + pixel * rows.x_stride,
        rows.residual == nullptr ? nullptr : rows.residual + pixel * rows.residual_stride, y);
    const Activation& activation = rows.activation;
    if (activation.fn == Unary::kPrelu) {
      binary(Binary::kPrelu, y, 1, activation.slope, 1, y, rows.channels);
    } else if (activation.fn != Unary::kIdentity) {
      unary(activation.fn, activation.alpha, activation.beta, y, y, rows.channels);
    }
  }
}
