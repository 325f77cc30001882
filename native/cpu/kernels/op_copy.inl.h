// Bodies of OpKernels::copy_block, copy_padded and fill. Included by op_kernels.inl.h.

using Lanes8 = float __attribute__((vector_size(32)));

// A side of the square that is transposed in registers, and of the tile that stays in the
// first-level cache: 16 floats are one cache line, so every line is read and written whole.
inline constexpr size_t kTransposeSide = 8;
inline constexpr size_t kTransposeTile = 16;

// Fewer rows than this are not worth squares; loops over a constant count become shuffles instead.
inline constexpr size_t kFewRows = 4;

/// target[j][i] = source[i][j] for an 8x8 square; both have contiguous rows.
inline void transpose_square(const float* source, ptrdiff_t source_row, float* target,
                             ptrdiff_t target_row) {
  Lanes8 rows[kTransposeSide];
  for (size_t i = 0; i < kTransposeSide; i++) {
    __builtin_memcpy(&rows[i], source + static_cast<ptrdiff_t>(i) * source_row, sizeof(Lanes8));
  }
  // Interleaving row i with row i + 4, three times over, moves every element to its place.
#pragma GCC unroll 3
  for (size_t round = 0; round < 3; round++) {
    Lanes8 next[kTransposeSide];
#pragma GCC unroll 4
    for (size_t i = 0; i < kTransposeSide / 2; i++) {
      const Lanes8 a = rows[i];
      const Lanes8 b = rows[i + kTransposeSide / 2];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < kTransposeSide; i++) rows[i] = next[i];
  }
  for (size_t j = 0; j < kTransposeSide; j++) {
    __builtin_memcpy(target + static_cast<ptrdiff_t>(j) * target_row, &rows[j], sizeof(Lanes8));
  }
}

/// target[j][i] = source[i][j] for any tile, element by element.
inline void transpose_edge(const float* source, ptrdiff_t source_row, float* target,
                           ptrdiff_t target_row, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    const float* from = source + static_cast<ptrdiff_t>(i) * source_row;
    for (size_t j = 0; j < columns; j++)
      target[static_cast<ptrdiff_t>(j) * target_row + static_cast<ptrdiff_t>(i)] = from[j];
  }
}

/// target[j][i] = source[i][j] for any tile. The side whose rows lie far apart is walked one strip
/// of squares after the other: its rows often share a set of the cache, which holds no more than
/// eight.
inline void transpose_tile(const float* source, ptrdiff_t source_row, float* target,
                           ptrdiff_t target_row, size_t rows, size_t columns, bool rows_inside) {
  const size_t i_end = rows / kTransposeSide * kTransposeSide;
  const size_t j_end = columns / kTransposeSide * kTransposeSide;
  const auto square = [&](size_t i, size_t j) {
    transpose_square(source + static_cast<ptrdiff_t>(i) * source_row + j, source_row,
                     target + static_cast<ptrdiff_t>(j) * target_row + i, target_row);
  };
  if (rows_inside) {
    for (size_t i = 0; i < i_end; i += kTransposeSide) {
      for (size_t j = 0; j < j_end; j += kTransposeSide) square(i, j);
    }
  } else {
    for (size_t j = 0; j < j_end; j += kTransposeSide) {
      for (size_t i = 0; i < i_end; i += kTransposeSide) square(i, j);
    }
  }
  const float* below = source + static_cast<ptrdiff_t>(i_end) * source_row;
  transpose_edge(source + j_end, source_row, target + static_cast<ptrdiff_t>(j_end) * target_row,
                 target_row, i_end, columns - j_end);
  transpose_edge(below, source_row, target + i_end, target_row, rows - i_end, columns);
}

/// Planes to pixels: target[j * Rows + i] = source row i, element j.
template <size_t Rows>
inline void interleave(const float* source, ptrdiff_t source_row, float* target, size_t columns) {
  const float* __restrict__ rows[Rows];
  for (size_t i = 0; i < Rows; i++) rows[i] = source + static_cast<ptrdiff_t>(i) * source_row;
  UNTANGLE_INDEPENDENT
  for (size_t j = 0; j < columns; j++) {
    for (size_t i = 0; i < Rows; i++) target[j * Rows + i] = rows[i][j];
  }
}

/// Pixels to planes: target row j, element i = source[i * Columns + j].
template <size_t Columns>
inline void deinterleave(const float* source, float* target, ptrdiff_t target_row, size_t rows) {
  for (size_t j = 0; j < Columns; j++) {
    float* __restrict__ to = target + static_cast<ptrdiff_t>(j) * target_row;
    UNTANGLE_INDEPENDENT
    for (size_t i = 0; i < rows; i++) to[i] = source[i * Columns + j];
  }
}

/// Images and masks have 1 to 4 channels; returns false for other shapes.
inline bool transpose_few(const float* source, ptrdiff_t source_row, float* target,
                          ptrdiff_t target_row, size_t rows, size_t columns) {
  if (rows <= kFewRows && target_row == static_cast<ptrdiff_t>(rows)) {
    switch (rows) {
      case 2:
        interleave<2>(source, source_row, target, columns);
        return true;
      case 3:
        interleave<3>(source, source_row, target, columns);
        return true;
      case 4:
        interleave<4>(source, source_row, target, columns);
        return true;
      default:
        return false;
    }
  }
  if (columns <= kFewRows && source_row == static_cast<ptrdiff_t>(columns)) {
    switch (columns) {
      case 2:
        deinterleave<2>(source, target, target_row, rows);
        return true;
      case 3:
        deinterleave<3>(source, target, target_row, rows);
        return true;
      case 4:
        deinterleave<4>(source, target, target_row, rows);
        return true;
      default:
        return false;
    }
  }
  return false;
}

/// target[j][i] = source[i][j]: source [rows, columns] and target [columns, rows], rows contiguous.
void transpose(const float* source, ptrdiff_t source_row, float* target, ptrdiff_t target_row,
               size_t rows, size_t columns) {
  if (transpose_few(source, source_row, target, target_row, rows, columns)) return;
  // The side with the smaller stride is walked to its end before the other moves on: its lines are
  // adjacent, and the other side's few lines stay in the cache.
  const bool rows_inside =
      (target_row < 0 ? -target_row : target_row) < (source_row < 0 ? -source_row : source_row);
  const size_t outer = rows_inside ? columns : rows;
  const size_t inner = rows_inside ? rows : columns;
  for (size_t o = 0; o < outer; o += kTransposeTile) {
    const size_t o_count = outer - o < kTransposeTile ? outer - o : kTransposeTile;
    for (size_t n = 0; n < inner; n += kTransposeTile) {
      const size_t n_count = inner - n < kTransposeTile ? inner - n : kTransposeTile;
      const size_t i = rows_inside ? n : o;
      const size_t j = rows_inside ? o : n;
      transpose_tile(source + static_cast<ptrdiff_t>(i) * source_row + j, source_row,
                     target + static_cast<ptrdiff_t>(j) * target_row + i, target_row,
                     rows_inside ? n_count : o_count, rows_inside ? o_count : n_count, rows_inside);
    }
  }
}

/// One row, any strides.
inline void copy_row(const float* x, ptrdiff_t x_step, float* y, ptrdiff_t y_step, size_t count) {
  if (x_step == 1 && y_step == 1) {
    // A program file may let the two overlap.
    __builtin_memmove(y, x, count * sizeof(float));
  } else if (x_step == 0 && y_step == 1) {
    const float value = *x;
    for (size_t i = 0; i < count; i++) y[i] = value;
  } else if (y_step == 1) {
    for (size_t i = 0; i < count; i++) y[i] = x[static_cast<ptrdiff_t>(i) * x_step];
  } else {
    for (size_t i = 0; i < count; i++) {
      y[static_cast<ptrdiff_t>(i) * y_step] = x[static_cast<ptrdiff_t>(i) * x_step];
    }
  }
}

void copy_block(const Block& x, const Block& y, size_t rows, size_t columns) {
  if (rows > 1 && columns > 1) {
    if (x.column_stride == 1 && y.row_stride == 1) {
      return transpose(x.data, x.row_stride, y.data, y.column_stride, rows, columns);
    }
    if (x.row_stride == 1 && y.column_stride == 1) {
      return transpose(x.data, x.column_stride, y.data, y.row_stride, columns, rows);
    }
  }
  for (size_t i = 0; i < rows; i++) {
    copy_row(x.data + static_cast<ptrdiff_t>(i) * x.row_stride, x.column_stride,
             y.data + static_cast<ptrdiff_t>(i) * y.row_stride, y.column_stride, columns);
  }
}

inline constexpr size_t kLineFloats = kLineBytes / sizeof(float);

inline size_t lesser(size_t a, size_t b) { return a < b ? a : b; }

/// Floats from `p` to where the next cache line begins.
inline size_t to_line(const float* p) {
  return -(reinterpret_cast<uintptr_t>(p) / sizeof(float)) % kLineFloats;
}

void stream(const float* x, float* y, size_t count) {
  size_t i = lesser(to_line(y), count);
  __builtin_memcpy(y, x, i * sizeof(float));
  for (; i + kLineFloats <= count; i += kLineFloats) {
    for (size_t j = 0; j < kLineFloats; j += Vec::kLanes)
      Vec::stream(y + i + j, Vec::load(x + i + j));
  }
  __builtin_memcpy(y + i, x + i, (count - i) * sizeof(float));
}

// Rows of the source that are written to a target row together: long runs are kinder to memory.
inline constexpr size_t kStreamRun = 128;

void transpose_stream(const float* source, ptrdiff_t source_row, float* target,
                      ptrdiff_t target_row, size_t rows, size_t columns) {
  const size_t i_end = rows / kTransposeSide * kTransposeSide;
  const size_t j_end = columns / kTransposeSide * kTransposeSide;
  const auto row_of = [&](size_t j) { return target + static_cast<ptrdiff_t>(j) * target_row; };
  for (size_t run = 0; run < i_end; run += kStreamRun) {
    // A target row may start anywhere in a line, and its runs end where lines do: up to a line
    // after the source's.
    const size_t end = run + kStreamRun;
    const size_t covered = lesser(end + kLineFloats, i_end);
    for (size_t j = 0; j < j_end; j += kTransposeSide) {
      alignas(64) float lines[kTransposeSide][kStreamRun + kLineFloats];
      for (size_t i = run; i < covered; i += kTransposeSide) {
        transpose_square(source + static_cast<ptrdiff_t>(i) * source_row + j, source_row,
                         lines[0] + (i - run), kStreamRun + kLineFloats);
      }
      for (size_t line = 0; line < kTransposeSide; line++) {
        float* row = row_of(j + line);
        const size_t past = to_line(row);
        const size_t first = run == 0 ? 0 : run + past;
        const size_t last = lesser(end + past, i_end);
        if (first < last) stream(lines[line] + (first - run), row + first, last - first);
      }
    }
  }
  const auto rest = [&](size_t i, size_t j, size_t count, size_t width) {
    if (count == 0 || width == 0) return;
    transpose(source + static_cast<ptrdiff_t>(i) * source_row + j, source_row, row_of(j) + i,
              target_row, count, width);
  };
  rest(0, j_end, i_end, columns - j_end);
  rest(i_end, 0, rows - i_end, columns);
}

void fill(float value, float* y, ptrdiff_t stride, size_t count) {
  if (stride == 1) {
    for (size_t i = 0; i < count; i++) y[i] = value;
  } else {
    for (size_t i = 0; i < count; i++) y[static_cast<ptrdiff_t>(i) * stride] = value;
  }
}

inline void fill_zeros(float* row, size_t count) {
  size_t j = 0;
  for (; j + Vec::kLanes <= count; j += Vec::kLanes) Vec::store(row + j, Vec::zero());
  if (j < count) Vec::store_first(row + j, Vec::zero(), count - j);
}

/// Without a call of memcpy for every short row.
void copy_padded(const PaddedRows& rows) {
  const float* source = rows.source;
  float* target = rows.target;
  for (size_t i = 0; i < rows.rows; i++, source += rows.source_row, target += rows.target_row) {
    fill_zeros(target, rows.left);
    float* inside = target + rows.left;
    size_t j = 0;
    for (; j + Vec::kLanes <= rows.inside; j += Vec::kLanes)
      Vec::store(inside + j, Vec::load(source + j));
    if (j < rows.inside) {
      const size_t rest = rows.inside - j;
      Vec::store_first(inside + j, Vec::load_first(source + j, rest), rest);
    }
    fill_zeros(inside + rows.inside, rows.right);
  }
}
