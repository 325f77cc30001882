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

/// Combines `count` >= 1 elements in kSumLanes interleaved parts, then the parts in order.
template <typename Combine>
inline float combine_row(const float* x, size_t count, Combine combine) {
  float result = x[0];
  size_t i = 1;
  if (count >= kSumLanes) {
    float lanes[kSumLanes];
    for (size_t l = 0; l < kSumLanes; l++) lanes[l] = x[l];
    for (i = kSumLanes; i + kSumLanes <= count; i += kSumLanes) {
      for (size_t l = 0; l < kSumLanes; l++) lanes[l] = combine(lanes[l], x[i + l]);
    }
    result = lanes[0];
    for (size_t l = 1; l < kSumLanes; l++) result = combine(result, lanes[l]);
  }
  for (; i < count; i++) result = combine(result, x[i]);
  return result;
}

float reduce_row(Reduce fn, const float* x, size_t count) {
  switch (fn) {
    case Reduce::kMax:
      return combine_row(x, count, larger);
    case Reduce::kMin:
      return combine_row(x, count, smaller);
    case Reduce::kMean:
    case Reduce::kSum:
      break;
  }
  return combine_row(x, count, [](float a, float b) { return a + b; });
}

/// Four rows at a time: one load and store of `acc` serves four loads of x.
template <typename Combine>
inline void combine_rows(const float* x, ptrdiff_t row_stride, size_t rows, float* acc,
                         size_t columns, Combine combine) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* x0 = x + static_cast<ptrdiff_t>(r) * row_stride;
    const float* x1 = x0 + row_stride;
    const float* x2 = x1 + row_stride;
    const float* x3 = x2 + row_stride;
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < columns; c++) {
      acc[c] = combine(acc[c], combine(combine(x0[c], x1[c]), combine(x2[c], x3[c])));
    }
  }
  for (; r < rows; r++) {
    const float* x0 = x + static_cast<ptrdiff_t>(r) * row_stride;
    UNTANGLE_INDEPENDENT
    for (size_t c = 0; c < columns; c++) acc[c] = combine(acc[c], x0[c]);
  }
}

void reduce_rows(Reduce fn, const float* x, ptrdiff_t row_stride, size_t rows, float* acc,
                 size_t columns) {
  switch (fn) {
    case Reduce::kMax:
      return combine_rows(x, row_stride, rows, acc, columns, larger);
    case Reduce::kMin:
      return combine_rows(x, row_stride, rows, acc, columns, smaller);
    case Reduce::kMean:
    case Reduce::kSum:
      break;
  }
  combine_rows(x, row_stride, rows, acc, columns, [](float a, float b) { return a + b; });
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
    if (rows.activation == Unary::kPrelu) {
      binary(Binary::kPrelu, y, 1, rows.slope, 1, y, rows.channels);
    } else if (rows.activation != Unary::kIdentity) {
      unary(rows.activation, rows.alpha, rows.beta, y, y, rows.channels);
    }
  }
}
