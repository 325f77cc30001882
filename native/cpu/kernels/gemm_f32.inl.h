// Body of every GEMM micro-kernel, for weights of every type; the contract is GemmTile in
// kernels.h.
//
// Weights that are no f32 are widened as they are loaded: once for all rows of a tile. Those of
// int8 are multiplied by their scales in the end, when sums are added to what was there before.
//
// Included by kernels_<isa>.cc inside an anonymous namespace, after Vec: each includer is compiled
// with its own -m flags, and a shared inline symbol would let the linker keep one for a CPU that
// cannot run it.

// Accumulators stay in registers only if these loops are fully unrolled, so we ask for it.
#define UNTANGLE_UNROLL _Pragma("GCC unroll 16")

// Bytes of weights that are asked for ahead, to L2 and to L1: hardware stops at the ends of pages,
// and what comes from memory would keep too few lines of L1 waiting for too long.
constexpr size_t kFarBytes = 16384;
constexpr size_t kNearBytes = 1024;

constexpr size_t kPanelVectors = kPanel / Vec::kLanes;

/// NV vectors of a row, of which the first `columns` floats are there.
template <size_t NV>
inline void load_columns(const float* row, size_t columns, Vec::Reg (&v)[NV]) {
  UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
    const size_t at = j * Vec::kLanes;
    if (columns >= at + Vec::kLanes) {
      v[j] = Vec::load(row + at);
    } else {
      v[j] = columns > at ? Vec::load_first(row + at, columns - at) : Vec::zero();
    }
  }
}

template <size_t NV>
inline void store_columns(float* row, size_t columns, const Vec::Reg (&v)[NV]) {
  UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
    const size_t at = j * Vec::kLanes;
    if (columns >= at + Vec::kLanes) {
      Vec::store(row + at, v[j]);
    } else if (columns > at) {
      Vec::store_first(row + at, v[j], columns - at);
    }
  }
}

/// Sums of MR rows of NV vectors; load_slopes(slopes) fills the vectors of a row where they are
/// wanted.
template <size_t MR, size_t NV, class LoadSlopes>
inline void finish_sums(const Finish& finish, LoadSlopes load_slopes, Vec::Reg (&acc)[MR][NV]) {
  if (finish.kind == Finish::kNone) return;
  if (finish.kind == Finish::kClamp) {
    const Vec::Reg low = Vec::splat(finish.low);
    const Vec::Reg high = Vec::splat(finish.high);
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::clamp(acc[i][j], low, high);
    }
    return;
  }
  Vec::Reg slopes[NV];
  if (finish.kind == Finish::kSlopes) {
    load_slopes(slopes);
  } else {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) slopes[j] = Vec::splat(finish.low);
  }
  UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
        Vec::scale_negative(acc[i][j], slopes[j]);
  }
}

/// Where row i of C lies.
inline float* row_of(const GemmTile& tile, size_t i) { return tile.c[i]; }
inline float* row_of(const GemmRun& run, size_t i) {
  return run.c + static_cast<ptrdiff_t>(i) * run.c_step;
}

template <size_t MR, size_t NV, class Tile>
inline void load_tile(const Tile& tile, Vec::Reg (&acc)[MR][NV]) {
  constexpr size_t NR = NV * Vec::kLanes;
  if (!tile.accumulate) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
      acc[0][j] = tile.bias != nullptr ? Vec::load(tile.bias + j * Vec::kLanes) : Vec::zero();
    }
    UNTANGLE_UNROLL for (size_t i = 1; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = acc[0][j];
    }
    return;
  }
  if (tile.columns == NR) {
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
          Vec::load(row_of(tile, i) + j * Vec::kLanes);
    }
  } else {
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++)
        load_columns<NV>(row_of(tile, i), tile.columns, acc[i]);
  }
  if (tile.bias == nullptr) return;
  UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
    const Vec::Reg bias = Vec::load(tile.bias + j * Vec::kLanes);
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) acc[i][j] = Vec::add(bias, acc[i][j]);
  }
}

template <size_t MR, size_t NV, class Tile>
inline void store_tile(const Tile& tile, const Vec::Reg (&acc)[MR][NV]) {
  if (tile.columns == NV * Vec::kLanes) {
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++)
          Vec::store(row_of(tile, i) + j * Vec::kLanes, acc[i][j]);
    }
  } else {
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++)
        store_columns<NV>(row_of(tile, i), tile.columns, acc[i]);
  }
}

template <size_t MR, size_t NV, class Tile>
inline void finish_tile(const Tile& tile, Vec::Reg (&acc)[MR][NV]) {
  finish_sums(
      tile.finish,
      [&](Vec::Reg(&slopes)[NV]) {
        UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) slopes[j] =
            Vec::load(tile.finish.slopes + j * Vec::kLanes);
      },
      acc);
  store_tile<MR, NV>(tile, acc);
}

/// What lies `bytes` bytes after p, which need not exist.
inline const void* bytes_ahead(const void* p, size_t bytes) {
  return reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + bytes);
}

/// The weights some rows after `w`.
template <class W>
inline uintptr_t far_from(const W* w) {
  return reinterpret_cast<uintptr_t>(w) + kFarBytes;
}

template <size_t PANELS, class W>
inline void prefetch_weights(const W* w, size_t panel_stride, uintptr_t far) {
  UNTANGLE_UNROLL for (size_t panel = 0; panel < PANELS; panel++) {
    const size_t bytes = panel * panel_stride * sizeof(W);
    __builtin_prefetch(reinterpret_cast<const void*>(far + bytes), 0, 2);
    __builtin_prefetch(bytes_ahead(w, bytes + kNearBytes));
  }
}

/// A row of weights of each panel, one some weights after its left neighbour.
template <size_t PANELS, class W>
inline void load_weights(const W* w, size_t panel_stride, Vec::Reg (&b)[PANELS][kPanelVectors]) {
  UNTANGLE_UNROLL for (size_t panel = 0; panel < PANELS; panel++)
      Vec::load_panel(w + panel * panel_stride, b[panel]);
}

/// Weights of this type are multiples of scales, which sums are multiplied by.
template <class W>
inline constexpr bool kHasScales = false;
template <>
inline constexpr bool kHasScales<int8_t> = true;

/// What sums of products begin with: nothing yet where they have to be scaled.
template <size_t MR, size_t NV, class W, class Tile>
inline void begin_tile(const Tile& tile, Vec::Reg (&acc)[MR][NV]) {
  if constexpr (!kHasScales<W>) return load_tile<MR, NV>(tile, acc);
  UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::zero();
  }
}

/// The same in the end, with the scales.
template <size_t MR, size_t NV, class W, class Tile>
inline void end_tile(const Tile& tile, Vec::Reg (&acc)[MR][NV]) {
  if constexpr (kHasScales<W>) {
    Vec::Reg scales[NV], bias[NV];
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
      const void* panel = bytes_ahead(tile.scales, j / kPanelVectors * tile.panel_stride);
      scales[j] = Vec::load(static_cast<const float*>(panel) + j % kPanelVectors * Vec::kLanes);
      bias[j] = tile.bias != nullptr ? Vec::load(tile.bias + j * Vec::kLanes) : Vec::zero();
    }
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      Vec::Reg before[NV];
      if (tile.accumulate) {
        load_columns<NV>(row_of(tile, i), tile.columns, before);
        UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) before[j] = Vec::add(bias[j], before[j]);
      } else {
        UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) before[j] = bias[j];
      }
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
          Vec::fma(acc[i][j], scales[j], before[j]);
    }
  }
  finish_tile<MR, NV>(tile, acc);
}

template <size_t MR, size_t PANELS, class W>
void gemm_tile(const GemmTile& tile) {
  constexpr size_t NV = PANELS * kPanelVectors;
  assert(tile.columns >= 1 && tile.columns <= PANELS * kPanel);
  assert(tile.taps == 0 || tile.kc >= 1);

  Vec::Reg acc[MR][NV];
  begin_tile<MR, NV, W>(tile, acc);

  const size_t kc = tile.kc;
  Ahead ahead = tile.ahead;
  for (size_t tap = 0; tap < tile.taps; tap++) {
    const float* row[MR];
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) row[i] = tile.rows[tap * MR + i];
    const W* w = static_cast<const W*>(tile.weights) + tile.tap_k[tap] * kPanel;
    if (tile.ahead.place == 0) ahead = {far_from(w), kPanel * sizeof(W)};

    for (size_t k = 0; k < kc; k++, w += kPanel, ahead.place += ahead.step) {
      prefetch_weights<PANELS>(w, tile.panel_stride, ahead.place);
      Vec::Reg b[PANELS][kPanelVectors];
      load_weights<PANELS>(w, tile.panel_stride, b);
      UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
        const Vec::Reg a = Vec::splat(row[i][k]);
        UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
            Vec::fma(a, b[j / kPanelVectors][j % kPanelVectors], acc[i][j]);
      }
    }
  }
  end_tile<MR, NV, W>(tile, acc);
}

// Rows of a run that share a pointer: the others are one and two steps away, which addresses can
// express. A pointer each would take more registers than x86 has.
constexpr size_t kRowsPerPointer = 3;

template <size_t MR, size_t PANELS, class W>
void gemm_run(const GemmRun& whole, size_t tiles) {
  constexpr size_t NV = PANELS * kPanelVectors;
  constexpr size_t POINTERS = (MR + kRowsPerPointer - 1) / kRowsPerPointer;
  assert(whole.columns >= 1 && whole.columns <= PANELS * kPanel);
  assert(whole.taps == 0 || whole.kc >= 1);

  GemmRun run = whole;
  const size_t kc = run.kc;
  const ptrdiff_t step = run.x_step;
  Ahead ahead = run.ahead;
  for (size_t tile = 0; tile < tiles; tile++) {
    Vec::Reg acc[MR][NV];
    begin_tile<MR, NV, W>(run, acc);
    for (size_t tap = 0; tap < run.taps; tap++) {
      const float* row[POINTERS];
      UNTANGLE_UNROLL for (size_t p = 0; p < POINTERS; p++) row[p] =
          run.x[tap] + run.x_first + static_cast<ptrdiff_t>(p * kRowsPerPointer) * step;
      const W* w = static_cast<const W*>(run.weights) + run.tap_k[tap] * kPanel;
      if (run.ahead.place == 0) ahead = {far_from(w), kPanel * sizeof(W)};

      for (size_t k = 0; k < kc; k++, w += kPanel, ahead.place += ahead.step) {
        prefetch_weights<PANELS>(w, run.panel_stride, ahead.place);
        Vec::Reg b[PANELS][kPanelVectors];
        load_weights<PANELS>(w, run.panel_stride, b);
        UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
          const Vec::Reg a = Vec::splat(
              row[i / kRowsPerPointer][static_cast<ptrdiff_t>(i % kRowsPerPointer) * step]);
          UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
              Vec::fma(a, b[j / kPanelVectors][j % kPanelVectors], acc[i][j]);
        }
        UNTANGLE_UNROLL for (size_t p = 0; p < POINTERS; p++) {
          row[p]++;
          // Or the compiler would make a pointer of every row again.
          asm("" : "+r"(row[p]));
        }
      }
    }
    end_tile<MR, NV, W>(run, acc);
    run.c += static_cast<ptrdiff_t>(MR) * run.c_step;
    run.x_first += static_cast<ptrdiff_t>(MR) * step;
  }
}

/// gemm_tile<1..MR, PANELS, W>, at index rows - 1.
template <size_t PANELS, class W, size_t... I>
constexpr void fill_gemm_row(GemmF32 (&table)[kMaxTileRows], Indices<I...>) {
  ((table[I] = gemm_tile<I + 1, PANELS, W>), ...);
}

/// gemm_run<1..MR, PANELS, W>, at index rows - 1.
template <size_t PANELS, class W, size_t... I>
constexpr void fill_run_row(GemmRunF32 (&table)[kMaxTileRows], Indices<I...>) {
  ((table[I] = gemm_run<I + 1, PANELS, W>), ...);
}

/// The kernels for weights of one type.
template <TileShape SHAPE, class W>
constexpr void fill_gemm(GemmKernels& kernels) {
  using TileRows = typename MakeIndices<SHAPE.mr>::Type;
  using RunRows = typename MakeIndices<SHAPE.run_rows>::Type;
  fill_gemm_row<1, W>(kernels.tile[0], TileRows{});
  fill_run_row<1, W>(kernels.run[0], RunRows{});
  if constexpr (SHAPE.panels == 2) {
    fill_gemm_row<2, W>(kernels.tile[1], TileRows{});
    fill_run_row<2, W>(kernels.run[1], RunRows{});
  }
}
