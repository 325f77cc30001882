// Body of every f32 depthwise micro-kernel; the contract is DepthwiseTile in kernels.h.
// Included by kernels_<isa>.cc inside an anonymous namespace, after gemm_f32.inl.h.

/// NV vectors of a row, the last one partial when `columns` do not fill it.
template <size_t NV>
inline void load_row(const float* row, size_t columns, Vec::Reg (&v)[NV]) {
  if (columns == NV * Vec::kLanes) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) v[j] = Vec::load(row + j * Vec::kLanes);
  } else {
    v[0] = Vec::load_first(row, columns);  // tails take one vector at a time
  }
}

template <size_t NV>
inline void store_row(float* row, size_t columns, const Vec::Reg (&v)[NV]) {
  if (columns == NV * Vec::kLanes) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) Vec::store(row + j * Vec::kLanes, v[j]);
  } else {
    Vec::store_first(row, v[0], columns);
  }
}

/// One pass over the taps for `columns` <= NV vectors of channels from `first` on.
template <size_t P, size_t NV>
inline void depthwise_columns(const DepthwiseTile& tile, size_t first, size_t columns) {
  Vec::Reg acc[P][NV];
  if (tile.accumulate) {
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) load_row<NV>(tile.y[i] + first, columns, acc[i]);
  } else {
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::zero();
    }
  }
  if (tile.bias != nullptr) {
    Vec::Reg bias[NV];
    load_row<NV>(tile.bias + first, columns, bias);
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] =
          Vec::fma(Vec::splat(1.0f), bias[j], acc[i][j]);
    }
  }
  for (size_t tap = 0; tap < tile.taps; tap++) {
    Vec::Reg w[NV];
    load_row<NV>(tile.weights + tile.tap_k[tap] * tile.weight_stride + first, columns, w);
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
      Vec::Reg x[NV];
      load_row<NV>(tile.rows[tap * P + i] + first, columns, x);
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::fma(x[j], w[j], acc[i][j]);
    }
  }
  UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) store_row<NV>(tile.y[i] + first, columns, acc[i]);
}

template <size_t P>
void depthwise_f32_tile(const DepthwiseTile& tile) {
  constexpr size_t kWide = 2;  // vectors per pass: P * 2 accumulators hide the latency of an FMA
  constexpr size_t kWideLanes = kWide * Vec::kLanes;
  size_t first = 0;
  for (; first + kWideLanes <= tile.channels; first += kWideLanes) {
    depthwise_columns<P, kWide>(tile, first, kWideLanes);
  }
  for (; first + Vec::kLanes <= tile.channels; first += Vec::kLanes) {
    depthwise_columns<P, 1>(tile, first, Vec::kLanes);
  }
  if (first < tile.channels) depthwise_columns<P, 1>(tile, first, tile.channels - first);
}

template <size_t... I>
constexpr void fill_depthwise(DepthwiseF32 (&table)[kMaxTilePixels], Indices<I...>) {
  ((table[I] = depthwise_f32_tile<I + 1>), ...);
}
