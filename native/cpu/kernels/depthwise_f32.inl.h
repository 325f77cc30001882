// Body of the f32 depthwise kernels; the contract is DepthwiseRow in kernels.h.
// Included by kernels_<isa>.cc inside an anonymous namespace, after gemm_f32.inl.h.

/// NV vectors of a row.
template <size_t NV>
struct WholeColumns {
  static void load(const float* row, Vec::Reg (&v)[NV]) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) v[j] = Vec::load(row + j * Vec::kLanes);
  }
  static void store(float* row, const Vec::Reg (&v)[NV]) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) Vec::store(row + j * Vec::kLanes, v[j]);
  }
};

/// The first `count` lanes of a vector: what is left of the channels.
struct FirstColumns {
  size_t count;
  void load(const float* row, Vec::Reg (&v)[1]) const { v[0] = Vec::load_first(row, count); }
  void store(float* row, const Vec::Reg (&v)[1]) const { Vec::store_first(row, v[0], count); }
};

/// P pixels from `pixel` on, NV vectors of channels from `channel` on.
template <size_t P, size_t NV, class Columns>
inline void depthwise_pixels(const DepthwiseRow& row, size_t pixel, size_t channel,
                             Columns columns) {
  const ptrdiff_t x_step = row.x_step;
  const ptrdiff_t y_step = row.y_step;
  float* y = row.y + static_cast<ptrdiff_t>(pixel) * y_step + channel;
  const ptrdiff_t at = static_cast<ptrdiff_t>(pixel) * x_step + static_cast<ptrdiff_t>(channel);
  Vec::Reg acc[P][NV];
  UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
    UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::zero();
  }
  if (row.accumulate) {
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
      columns.load(y + static_cast<ptrdiff_t>(i) * y_step, acc[i]);
    }
  }
  if (row.bias != nullptr) {
    Vec::Reg bias[NV];
    columns.load(row.bias + channel, bias);
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::add(bias[j], acc[i][j]);
    }
  }
  for (size_t tap = 0; tap < row.taps; tap++) {
    const float* source = row.x[tap] + at;
    Vec::Reg w[NV];
    columns.load(row.weights[tap] + channel, w);
    UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
      Vec::Reg x[NV];
      columns.load(source + static_cast<ptrdiff_t>(i) * x_step, x);
      UNTANGLE_UNROLL for (size_t j = 0; j < NV; j++) acc[i][j] = Vec::fma(x[j], w[j], acc[i][j]);
    }
  }
  finish_sums(
      row.finish, [&](Vec::Reg(&slopes)[NV]) { columns.load(row.finish.slopes + channel, slopes); },
      acc);
  UNTANGLE_UNROLL for (size_t i = 0; i < P; i++) {
    columns.store(y + static_cast<ptrdiff_t>(i) * y_step, acc[i]);
  }
}

/// All channels of P pixels, in as many sums at a time as hide the latency of an FMA.
template <size_t P>
inline void depthwise_channels(const DepthwiseRow& row, size_t pixel) {
  constexpr size_t kPair = 2 * Vec::kLanes;
  size_t channel = 0;
  if constexpr (P <= 4) {
    for (; channel + kPair <= row.channels; channel += kPair)
      depthwise_pixels<P, 2>(row, pixel, channel, WholeColumns<2>{});
  }
  for (; channel + Vec::kLanes <= row.channels; channel += Vec::kLanes)
    depthwise_pixels<P, 1>(row, pixel, channel, WholeColumns<1>{});
  if (channel < row.channels)
    depthwise_pixels<P, 1>(row, pixel, channel, FirstColumns{row.channels - channel});
}

void depthwise_f32(const DepthwiseRow& row) {
  size_t pixel = row.first;
  for (; pixel + 8 <= row.last; pixel += 8) depthwise_channels<8>(row, pixel);
  if (pixel + 4 <= row.last) depthwise_channels<4>(row, pixel), pixel += 4;
  if (pixel + 2 <= row.last) depthwise_channels<2>(row, pixel), pixel += 2;
  if (pixel < row.last) depthwise_channels<1>(row, pixel);
}
