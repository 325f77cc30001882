// Inner loops of every command but the convolutions, as a struct of function pointers.
//
// The bodies are op_*.inl.h, compiled once per instruction set. Sizes and strides are elements; any
// alignment will do. An output may be exactly the same memory as an input, but never overlap it
// otherwise.

#pragma once

#include <cstddef>
#include <cstdint>

#include "native/program/format.h"

namespace untangle {

/// Lanes over which a sum is split, whatever the instruction set: results depend on it.
inline constexpr size_t kSumLanes = 16;

/// Bytes of a cache line: what is written past the caches is written in whole ones.
inline constexpr size_t kLineBytes = 64;

/// Most source rows of one weighted sum.
inline constexpr size_t kMaxBlendTaps = 16;

/// Columns of a packed panel of the right matrix, and most rows of the left, of one matmul tile.
inline constexpr size_t kMatmulColumns = 32;
inline constexpr size_t kMatmulRows = 4;

/// What becomes of a sum at last.
struct Activation {
  Unary fn = Unary::kIdentity;
  float alpha = 0;
  float beta = 0;
  const float* slope = nullptr;  // PRelu's, per channel
};

/// A `rows` x `columns` block; element (i, j) is data[i * row_stride + j * column_stride].
struct Block {
  float* data;
  ptrdiff_t row_stride;
  ptrdiff_t column_stride;
};

/// y = act((x - mean) * factor + shift + residual), per channel, over `pixels` pixels.
struct NormalizeRows {
  size_t pixels;
  size_t channels;
  const float* x;
  ptrdiff_t x_stride;
  float* y;
  ptrdiff_t y_stride;
  const float* residual;  // null: none
  ptrdiff_t residual_stride;
  const float* mean;
  const float* factor;
  const float* shift;  // null: zero
  Activation activation;
};

/// Rows of zeros around what is copied: row i of target is `left` zeros, `inside` floats of source,
/// `right` zeros.
struct PaddedRows {
  const float* source;
  ptrdiff_t source_row;
  float* target;
  ptrdiff_t target_row;
  size_t rows;
  size_t left;
  size_t inside;
  size_t right;
};

struct OpKernels {
  /// y[i] = fn(x[i]); not prelu.
  void (*unary)(Unary fn, float alpha, float beta, const float* x, float* y, size_t count);

  /// y[i] = fn(a[i * a_step], b[i * b_step]); steps are 0 or 1.
  void (*binary)(Binary fn, const float* a, size_t a_step, const float* b, size_t b_step, float* y,
                 size_t count);

  /// y[i] = c[i * c_step] != 0 ? a[i * a_step] : b[i * b_step]; steps are 0 or 1.
  void (*select)(const float* c, size_t c_step, const float* a, size_t a_step, const float* b,
                 size_t b_step, float* y, size_t count);

  /// y = x over a block; the blocks do not overlap. Transposes in tiles.
  void (*copy_block)(const Block& x, const Block& y, size_t rows, size_t columns);

  void (*copy_padded)(const PaddedRows& rows);

  /// y = x, past the caches where the machine can: for what nobody reads soon. Others see it after
  /// `end_streams`.
  void (*stream)(const float* x, float* y, size_t count);
  /// target[j][i] = source[i][j] likewise.
  void (*transpose_stream)(const float* source, ptrdiff_t source_row, float* target,
                           ptrdiff_t target_row, size_t rows, size_t columns);
  void (*end_streams)();

  void (*fill)(float value, float* y, ptrdiff_t stride, size_t count);

  /// y[i] = a[i] + b[i] (average) or max(a[i], b[i]).
  void (*pool_step)(Pool fn, const float* x, float* y, size_t count);

  /// y[i] /= divisor.
  void (*divide)(float divisor, float* y, size_t count);

  /// Combines `count` contiguous elements; mean sums. Sums of squares and of absolute values are
  /// made of elements, so partial ones are to be combined by kSum.
  float (*reduce_row)(Reduce fn, const float* x, size_t count);

  /// acc[c] = combine(acc[c], x[r * row_stride + c] for all r); mean sums.
  void (*reduce_rows)(Reduce fn, const float* x, ptrdiff_t row_stride, size_t rows, float* acc,
                      size_t columns);

  /// Sum of exp(x[i] - shift); stores the terms in y when it is not null.
  float (*exp_sum)(const float* x, float shift, float* y, size_t count);

  /// mean[c] and m2[c] = sum of (x - mean)^2 over `pixels` pixels; m2 is overwritten.
  void (*moments)(const float* x, ptrdiff_t pixel_stride, size_t pixels, size_t channels,
                  float* mean, float* m2);

  /// Merges the moments of two samples of `left` and `right` elements into (mean, m2): Chan et al.
  /// 1979.
  void (*merge_moments)(float left, float right, const float* other_mean, const float* other_m2,
                        float* mean, float* m2, size_t channels);

  void (*normalize)(const NormalizeRows& rows);

  /// y[i] = (accumulate ? y[i] : 0) + sum over t of weights[t] * rows[t][i]; taps <= kMaxBlendTaps.
  void (*blend)(const float* const* rows, const float* weights, size_t taps, bool accumulate,
                float* y, size_t count);

  /// Pixel i of y, `y_step` floats after pixel i - 1, is the sum over t of weights[i][t] * pixel
  /// indices[i][t] of row, whose pixels of `channels` floats follow one another.
  void (*blend_pixels)(const float* row, const int32_t* indices, const float* weights, size_t taps,
                       float* y, ptrdiff_t y_step, size_t pixels, size_t channels);

  /// y[rows x columns] = (accumulate ? y : 0) + a[rows x depth] . b[depth][kMatmulColumns];
  /// rows <= kMatmulRows, columns <= kMatmulColumns, y's rows are contiguous.
  void (*matmul)(const Block& a, const float* b, float* y, ptrdiff_t y_stride, size_t rows,
                 size_t columns, size_t depth, bool accumulate);
};

}  // namespace untangle
