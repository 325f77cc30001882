// Bodies of the Winograd transforms; the contracts are WinogradInput and WinogradOutput in
// kernels.h. Included by kernels_<isa>.cc inside an anonymous namespace, after Vec.
//
// The matrices are those of src/untangle/winograd.ts: F(2, 3) at the points 0, 1, -1 and infinity,
// F(4, 3) at 0, ±√½, ±√2 and infinity, where even and odd parts of a pair of points share their
// sums.

template <size_t M>
struct Winograd;

template <>
struct Winograd<2> {
  static constexpr size_t kInputs = 4;

  /// Bᵀ x
  static void input(const Vec::Reg (&x)[4], Vec::Reg (&v)[4]) {
    v[0] = Vec::sub(x[2], x[0]);
    v[1] = Vec::add(x[2], x[1]);
    v[2] = Vec::sub(x[2], x[1]);
    v[3] = Vec::sub(x[3], x[1]);
  }
  /// Aᵀ p
  static void output(const Vec::Reg (&p)[4], Vec::Reg (&y)[2]) {
    y[0] = Vec::add(p[0], Vec::add(p[1], p[2]));
    y[1] = Vec::add(p[3], Vec::sub(p[1], p[2]));
  }
};

template <>
struct Winograd<4> {
  static constexpr size_t kInputs = 6;
  static constexpr float kRootHalf = 0.70710678118654752440f;
  static constexpr float kRootTwo = 1.41421356237309504880f;

  static void input(const Vec::Reg (&x)[6], Vec::Reg (&v)[6]) {
    const Vec::Reg small_even = Vec::fma(Vec::splat(-2.0f), x[2], x[4]);
    const Vec::Reg small_odd = Vec::fma(Vec::splat(-2.0f), x[1], x[3]);
    const Vec::Reg large_even = Vec::fma(Vec::splat(-0.5f), x[2], x[4]);
    const Vec::Reg large_odd = Vec::fma(Vec::splat(-0.5f), x[1], x[3]);
    v[0] = Vec::fma(Vec::splat(-2.5f), x[2], Vec::add(x[0], x[4]));
    v[1] = Vec::fma(Vec::splat(kRootHalf), small_odd, small_even);
    v[2] = Vec::fma(Vec::splat(-kRootHalf), small_odd, small_even);
    v[3] = Vec::fma(Vec::splat(kRootTwo), large_odd, large_even);
    v[4] = Vec::fma(Vec::splat(-kRootTwo), large_odd, large_even);
    v[5] = Vec::fma(Vec::splat(-2.5f), x[3], Vec::add(x[1], x[5]));
  }
  static void output(const Vec::Reg (&p)[6], Vec::Reg (&y)[4]) {
    const Vec::Reg small_sum = Vec::add(p[1], p[2]);
    const Vec::Reg small_difference = Vec::sub(p[1], p[2]);
    const Vec::Reg large_sum = Vec::add(p[3], p[4]);
    const Vec::Reg large_difference = Vec::sub(p[3], p[4]);
    y[0] = Vec::add(p[0], Vec::add(small_sum, large_sum));
    y[1] = Vec::fma(Vec::splat(kRootHalf), small_difference, mul(kRootTwo, large_difference));
    y[2] = Vec::fma(Vec::splat(0.5f), small_sum, mul(2.0f, large_sum));
    y[3] = Vec::fma(Vec::splat(0.5f * kRootHalf), small_difference,
                    Vec::fma(Vec::splat(2.0f * kRootTwo), large_difference, p[5]));
  }

 private:
  static Vec::Reg mul(float a, Vec::Reg b) { return Vec::fma(Vec::splat(a), b, Vec::zero()); }
};

/// Loads and stores whole vectors, or the `count` lanes that are left of the channels.
struct WholeLanes {
  static Vec::Reg load(const float* p) { return Vec::load(p); }
  static void store(float* p, Vec::Reg v) { Vec::store(p, v); }
};
struct FirstLanes {
  size_t count;
  Vec::Reg load(const float* p) const { return Vec::load_first(p, count); }
  void store(float* p, Vec::Reg v) const { Vec::store_first(p, v, count); }
};

/// Channels [c, c + lanes): the columns of the tile first, then its rows.
template <size_t M, class Lanes>
inline void winograd_input_lanes(const WinogradInput& tile, size_t c, Lanes lanes) {
  constexpr size_t N = Winograd<M>::kInputs;
  Vec::Reg half[N][N];
  for (size_t j = 0; j < N; j++) {
    Vec::Reg x[N];
    Vec::Reg v[N];
    UNTANGLE_UNROLL for (size_t i = 0; i < N; i++) x[i] = lanes.load(tile.x[i * N + j] + c);
    Winograd<M>::input(x, v);
    UNTANGLE_UNROLL for (size_t i = 0; i < N; i++) half[i][j] = v[i];
  }
  for (size_t i = 0; i < N; i++) {
    Vec::Reg v[N];
    Winograd<M>::input(half[i], v);
    UNTANGLE_UNROLL for (size_t j = 0; j < N; j++) {
      lanes.store(tile.v + (i * N + j) * tile.stride + c, v[j]);
    }
  }
}

template <size_t M>
void winograd_input_f32(const WinogradInput& tile) {
  size_t c = 0;
  for (; c + Vec::kLanes <= tile.channels; c += Vec::kLanes) {
    winograd_input_lanes<M>(tile, c, WholeLanes{});
  }
  if (c < tile.channels) winograd_input_lanes<M>(tile, c, FirstLanes{tile.channels - c});
}

template <size_t M, class Lanes>
inline void winograd_output_lanes(const WinogradOutput& tile, size_t c, Lanes lanes) {
  constexpr size_t N = Winograd<M>::kInputs;
  Vec::Reg half[M][N];
  for (size_t j = 0; j < N; j++) {
    Vec::Reg p[N];
    Vec::Reg y[M];
    UNTANGLE_UNROLL for (size_t i = 0; i < N; i++) {
      p[i] = lanes.load(tile.p + (i * N + j) * tile.stride + c);
    }
    Winograd<M>::output(p, y);
    UNTANGLE_UNROLL for (size_t i = 0; i < M; i++) half[i][j] = y[i];
  }
  const Vec::Reg bias = tile.bias != nullptr ? lanes.load(tile.bias + c) : Vec::zero();
  for (size_t i = 0; i < M; i++) {
    Vec::Reg y[M];
    Winograd<M>::output(half[i], y);
    UNTANGLE_UNROLL for (size_t j = 0; j < M; j++) {
      const size_t at = i * M + j;
      float* target = tile.y != nullptr ? tile.y[at] : tile.p + at * tile.stride;
      if (target != nullptr) lanes.store(target + c, Vec::add(y[j], bias));
    }
  }
}

template <size_t M>
void winograd_output_f32(const WinogradOutput& tile) {
  size_t c = 0;
  for (; c + Vec::kLanes <= tile.channels; c += Vec::kLanes) {
    winograd_output_lanes<M>(tile, c, WholeLanes{});
  }
  if (c < tile.channels) winograd_output_lanes<M>(tile, c, FirstLanes{tile.channels - c});
}
