// Body of every f32 GEMM micro-kernel; the contract is GemmTile in kernels.h.
//
// Included by kernels_<isa>.cc inside an anonymous namespace, after Vec: each includer is compiled
// with its own -m flags, and a shared inline symbol would let the linker keep one for a CPU that
// cannot run it.

// Accumulators stay in registers only if these loops are fully unrolled, so we ask for it.
#define UNTANGLE_UNROLL _Pragma("GCC unroll 16")

// Rows of weights that are asked for ahead: hardware stops at the ends of pages.
constexpr size_t kPrefetchRows = 48;

constexpr size_t kPanelVectors = kPanel / Vec::kLanes;

/// Copies `rows` x `columns` floats between a tile's rows and a full-width block: the way in and
/// out of partial tiles.
inline void copy_in(float* const* c, size_t rows, size_t columns, float* block, size_t width) {
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) block[i * width + j] = c[i][j];
  }
}
inline void copy_out(const float* block, size_t width, size_t rows, size_t columns,
                     float* const* c) {
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) c[i][j] = block[i * width + j];
  }
}

template <size_t MR, size_t NV>
inline void load_tile(const GemmTile& tile, Vec::Reg (&acc)[MR][NV]) {
  constexpr size_t NR = NV * Vec::kLanes;
  if (!tile.accumulate) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
      acc[0][j] = tile.bias != nullptr ? Vec::load(tile.bias + j * Vec::kLanes) : Vec::zero();
    }
    UNTANGLE_UNROLL for (size_t i = 1; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = acc[0][j];
    }
  } else if (tile.columns == NR) {
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
          Vec::load(tile.c[i] + j * Vec::kLanes);
    }
  } else {
    float block[MR * NR] = {};
    copy_in(tile.c, MR, tile.columns, block, NR);
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
          Vec::load(block + i * NR + j * Vec::kLanes);
    }
  }
  if (!tile.accumulate || tile.bias == nullptr) return;
  UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
    const Vec::Reg bias = Vec::load(tile.bias + j * Vec::kLanes);
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) acc[i][j] =
        Vec::fma(Vec::splat(1.0f), bias, acc[i][j]);
  }
}

template <size_t MR, size_t NV>
inline void store_tile(const GemmTile& tile, const Vec::Reg (&acc)[MR][NV]) {
  constexpr size_t NR = NV * Vec::kLanes;
  if (tile.columns == NR) {
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++)
          Vec::store(tile.c[i] + j * Vec::kLanes, acc[i][j]);
    }
  } else {
    float block[MR * NR];
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++)
          Vec::store(block + i * NR + j * Vec::kLanes, acc[i][j]);
    }
    copy_out(block, NR, MR, tile.columns, tile.c);
  }
}

/// Asks for what lies `ahead` floats after p, which need not exist.
inline void prefetch(const float* p, size_t ahead) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(p) + ahead * sizeof(float);
  __builtin_prefetch(reinterpret_cast<const void*>(at));
}

template <size_t MR, size_t PANELS>
void gemm_f32_tile(const GemmTile& tile) {
  constexpr size_t NV = PANELS * kPanelVectors;
  assert(tile.columns >= 1 && tile.columns <= PANELS * kPanel);
  assert(tile.taps == 0 || tile.kc >= 1);

  Vec::Reg acc[MR][NV];
  load_tile<MR, NV>(tile, acc);

  const size_t kc = tile.kc;
  const size_t panel_stride = tile.panel_stride;
  for (size_t tap = 0; tap < tile.taps; tap++) {
    const float* row[MR];
    UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) row[i] = tile.rows[tap * MR + i];
    const float* w = tile.weights + tile.tap_k[tap] * kPanel;

    for (size_t k = 0; k < kc; k++, w += kPanel) {
      UNTANGLE_UNROLL for (size_t panel = 0; panel < PANELS; panel++)
          prefetch(w + panel * panel_stride, kPrefetchRows * kPanel);
      Vec::Reg b[NV];
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
        const size_t panel = j / kPanelVectors;
        b[j] = Vec::load(w + panel * panel_stride + (j % kPanelVectors) * Vec::kLanes);
      }
      UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
        const Vec::Reg a = Vec::splat(row[i][k]);
        UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::fma(a, b[j], acc[i][j]);
      }
    }
  }

  store_tile<MR, NV>(tile, acc);
}

/// gemm_f32_tile<1..MR, PANELS>, at index rows - 1.
template <size_t PANELS, size_t... I>
constexpr void fill_gemm_row(GemmF32 (&table)[kMaxTileRows], Indices<I...>) {
  ((table[I] = gemm_f32_tile<I + 1, PANELS>), ...);
}
