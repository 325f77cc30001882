// Bodies of OpKernels::blend and matmul: weighted sums of rows. Included by op_kernels.inl.h.

/// A constant number of rows keeps the weights in registers.
template <size_t Taps, bool Accumulate>
inline void blend_rows(const float* const* rows, const float* weights, float* y, size_t count) {
  const float* r[Taps];
  float w[Taps];
  for (size_t t = 0; t < Taps; t++) {
    r[t] = rows[t];
    w[t] = weights[t];
  }
  UNTANGLE_INDEPENDENT
  for (size_t i = 0; i < count; i++) {
    float sum = Accumulate ? y[i] + w[0] * r[0][i] : w[0] * r[0][i];
    for (size_t t = 1; t < Taps; t++) sum += w[t] * r[t][i];
    y[i] = sum;
  }
}

void blend(const float* const* rows, const float* weights, size_t taps, bool accumulate, float* y,
           size_t count) {
  if (!accumulate) {
    if (taps == 1 && weights[0] == 1.0f) {
      // A program file may let the two overlap.
      __builtin_memmove(y, rows[0], count * sizeof(float));
      return;
    }
    if (taps == 2) return blend_rows<2, false>(rows, weights, y, count);
    if (taps == 4) return blend_rows<4, false>(rows, weights, y, count);
    blend_rows<1, false>(rows, weights, y, count);
    rows++;
    weights++;
    taps--;
  }
  for (; taps >= 4; taps -= 4, rows += 4, weights += 4) {
    blend_rows<4, true>(rows, weights, y, count);
  }
  for (; taps > 0; taps--, rows++, weights++) blend_rows<1, true>(rows, weights, y, count);
}

struct PixelBlend {
  const float* row;
  const int32_t* indices;
  const float* weights;
  size_t taps;

  const float* pixel(size_t i, size_t tap, size_t channels) const {
    return row + static_cast<ptrdiff_t>(indices[i * taps + tap]) * static_cast<ptrdiff_t>(channels);
  }
};

/// Few channels, whose number is constant.
template <size_t C>
inline void blend_few(const PixelBlend& of, float* y, ptrdiff_t y_step, size_t pixels) {
  for (size_t i = 0; i < pixels; i++, y += y_step) {
    float sums[C] = {};
    for (size_t tap = 0; tap < of.taps; tap++) {
      const float* x = of.pixel(i, tap, C);
      const float weight = of.weights[i * of.taps + tap];
      for (size_t c = 0; c < C; c++) sums[c] += weight * x[c];
    }
    for (size_t c = 0; c < C; c++) y[c] = sums[c];
  }
}

void blend_pixels(const float* row, const int32_t* indices, const float* weights, size_t taps,
                  float* y, ptrdiff_t y_step, size_t pixels, size_t channels) {
  const PixelBlend of{row, indices, weights, taps};
  if (channels == 1) return blend_few<1>(of, y, y_step, pixels);
  if (channels == 2) return blend_few<2>(of, y, y_step, pixels);
  if (channels == 3) return blend_few<3>(of, y, y_step, pixels);
  for (size_t i = 0; i < pixels; i++, y += y_step) {
    for (size_t c = 0; c < channels; c += Vec::kLanes) {
      const size_t left = channels - c;
      Vec::Reg sum = Vec::zero();
      for (size_t tap = 0; tap < taps; tap++) {
        const float* x = of.pixel(i, tap, channels) + c;
        const Vec::Reg value = left < Vec::kLanes ? Vec::load_first(x, left) : Vec::load(x);
        sum = Vec::fma(Vec::splat(weights[i * taps + tap]), value, sum);
      }
      if (left < Vec::kLanes) {
        Vec::store_first(y + c, sum, left);
      } else {
        Vec::store(y + c, sum);
      }
    }
  }
}

/// Rows x kMatmulColumns sums live in registers: 8 zmm, 16 ymm (some of them spilled) or 32 q with
/// four rows.
template <size_t Rows>
inline void matmul_rows(const Block& a, const float* b, float* y, ptrdiff_t y_stride,
                        size_t columns, size_t depth, bool accumulate) {
  constexpr size_t kVectors = kMatmulColumns / Vec::kLanes;
  Vec::Reg sums[Rows][kVectors];
#pragma GCC unroll 4
  for (size_t i = 0; i < Rows; i++) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; v++) sums[i][v] = Vec::zero();
  }
  for (size_t k = 0; k < depth; k++) {
    const float* right = b + k * kMatmulColumns;
    const float* left = a.data + static_cast<ptrdiff_t>(k) * a.column_stride;
#pragma GCC unroll 4
    for (size_t i = 0; i < Rows; i++) {
      const Vec::Reg value = Vec::splat(left[static_cast<ptrdiff_t>(i) * a.row_stride]);
#pragma GCC unroll 8
      for (size_t v = 0; v < kVectors; v++) {
        sums[i][v] = Vec::fma(value, Vec::load(right + v * Vec::kLanes), sums[i][v]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < Rows; i++) {
    float row[kMatmulColumns];
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; v++) Vec::store(row + v * Vec::kLanes, sums[i][v]);
    float* out = y + static_cast<ptrdiff_t>(i) * y_stride;
    for (size_t j = 0; j < columns; j++) out[j] = accumulate ? out[j] + row[j] : row[j];
  }
}

void matmul(const Block& a, const float* b, float* y, ptrdiff_t y_stride, size_t rows,
            size_t columns, size_t depth, bool accumulate) {
  switch (rows) {
    case 4:
      return matmul_rows<4>(a, b, y, y_stride, columns, depth, accumulate);
    case 3:
      return matmul_rows<3>(a, b, y, y_stride, columns, depth, accumulate);
    case 2:
      return matmul_rows<2>(a, b, y, y_stride, columns, depth, accumulate);
    default:
      return matmul_rows<1>(a, b, y, y_stride, columns, depth, accumulate);
  }
}
