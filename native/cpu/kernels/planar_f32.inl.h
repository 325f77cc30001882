// Body of every planar micro-kernel: a few output channels, pixels in the lanes; the contract is
// PlanarTile in kernels.h. Included by kernels_<isa>.cc inside an anonymous namespace, after Vec.

/// Vectors of a tile of `rows` rows: as many as leave a register for each vector of x and one for a
/// weight.
constexpr size_t planar_vectors(size_t rows) {
  const size_t fit = (Vec::kRegisters - 2) / (rows + 1);
  return fit < kMaxPlanarVectors ? fit : kMaxPlanarVectors;
}

template <size_t MR, size_t NV>
void planar_f32_tile(const PlanarTile& tile) {
  Vec::Reg acc[MR][NV];
  float* c = tile.c + tile.first;
  UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
    const Vec::Reg bias = tile.bias != nullptr ? Vec::splat(tile.bias[i]) : Vec::zero();
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
      acc[i][j] = tile.accumulate ? Vec::load(c + i * tile.c_stride + j * Vec::kLanes) : bias;
    }
  }

  const size_t kc = tile.kc;
  const size_t x_stride = tile.x_stride;
  const size_t weight_stride = tile.weight_stride;
  for (size_t tap = 0; tap < tile.taps; tap++) {
    const float* x = tile.x[tap] + tile.x_first + tile.first;
    const float* w = tile.weights[tap] + tile.weight_first;
    for (size_t k = 0; k < kc; k++, x += x_stride, w += weight_stride) {
      Vec::Reg b[NV];
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) {
        b[j] = Vec::load(x + j * Vec::kLanes);
        Vec::keep(b[j]);
      }
      UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
        const Vec::Reg a = Vec::splat(w[i]);
        UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::fma(a, b[j], acc[i][j]);
      }
    }
  }

  UNTANGLE_UNROLL for (size_t i = 0; i < MR; i++) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++)
        Vec::store(c + i * tile.c_stride + j * Vec::kLanes, acc[i][j]);
  }
}

template <size_t MR, size_t... I>
constexpr void fill_planar_row(PlanarF32 (&table)[kMaxPlanarVectors], Indices<I...>) {
  ((table[I] = planar_f32_tile<MR, I + 1>), ...);
}

/// planar_f32_tile<rows, 1..planar_vectors(rows)> for every number of rows.
template <size_t... I>
constexpr void fill_planar(Kernels& kernels, Indices<I...>) {
  ((kernels.planar_vectors[I] = planar_vectors(I + 1)), ...);
  (fill_planar_row<I + 1>(kernels.planar[I], typename MakeIndices<planar_vectors(I + 1)>::Type{}),
   ...);
}
