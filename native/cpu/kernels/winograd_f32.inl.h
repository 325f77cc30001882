// Bodies of the Winograd transforms; the contracts are WinogradWeights, WinogradInput and
// WinogradOutput in kernels.h. Included by kernels_<isa>.cc inside an anonymous namespace, after
// gemm_f32.inl.h.
//
// The matrices are those of src/untangle/winograd.ts. They depend on the points of evaluation,
// which the number of inputs gives; where points come in pairs, their even and odd parts are
// shared.

inline constexpr float kRootHalf = 0.70710678118654752440f;
inline constexpr float kRootTwo = 1.41421356237309504880f;

/// N inputs of one axis: `input` is Bᵀ x, `output` the first M rows of Aᵀ p.
template <size_t N>
struct Winograd;

/// One tap: nothing to transform.
template <>
struct Winograd<1> {
  static void input(const Vec::Reg (&x)[1], Vec::Reg (&v)[1]) { v[0] = x[0]; }
  static void output(const Vec::Reg (&p)[1], Vec::Reg (&y)[1]) { y[0] = p[0]; }
};

/// 0, 1 and infinity.
template <>
struct Winograd<3> {
  static void input(const Vec::Reg (&x)[3], Vec::Reg (&v)[3]) {
    v[0] = Vec::sub(x[1], x[0]);
    v[1] = x[1];
    v[2] = Vec::sub(x[2], x[1]);
  }
  static void output(const Vec::Reg (&p)[3], Vec::Reg (&y)[2]) {
    y[0] = Vec::add(p[0], p[1]);
    y[1] = Vec::add(p[1], p[2]);
  }
};

/// 0, 1, -1 and infinity.
template <>
struct Winograd<4> {
  static void input(const Vec::Reg (&x)[4], Vec::Reg (&v)[4]) {
    v[0] = Vec::sub(x[2], x[0]);
    v[1] = Vec::add(x[2], x[1]);
    v[2] = Vec::sub(x[2], x[1]);
    v[3] = Vec::sub(x[3], x[1]);
  }
  static void output(const Vec::Reg (&p)[4], Vec::Reg (&y)[2]) {
    y[0] = Vec::add(p[0], Vec::add(p[1], p[2]));
    y[1] = Vec::add(p[3], Vec::sub(p[1], p[2]));
  }
};

/// 0, ±√½, √2 and infinity. What 0 and infinity share has the factor x² - ½.
template <>
struct Winograd<5> {
  static void input(const Vec::Reg (&x)[5], Vec::Reg (&v)[5]) {
    const Vec::Reg before = Vec::fma(Vec::splat(-0.5f), x[0], x[2]);
    const Vec::Reg middle = Vec::fma(Vec::splat(-0.5f), x[1], x[3]);
    const Vec::Reg after = Vec::fma(Vec::splat(-0.5f), x[2], x[4]);
    v[0] = Vec::fma(Vec::splat(-kRootTwo), before, middle);
    v[1] = Vec::fma(Vec::splat(-kRootHalf), x[2], Vec::sub(x[3], x[1]));
    v[2] = Vec::fma(Vec::splat(-3.0f * kRootHalf), x[2], Vec::add(x[3], x[1]));
    v[3] = middle;
    v[4] = Vec::fma(Vec::splat(-kRootTwo), middle, after);
  }
  template <size_t M>
  static void output(const Vec::Reg (&p)[5], Vec::Reg (&y)[M]) {
    static_assert(M == 3 || M == 4);
    const Vec::Reg sum = Vec::add(p[1], p[2]);
    const Vec::Reg difference = Vec::sub(p[1], p[2]);
    y[0] = Vec::add(p[0], Vec::add(sum, p[3]));
    y[1] = Vec::fma(Vec::splat(kRootHalf), difference, times(kRootTwo, p[3]));
    y[2] = Vec::fma(Vec::splat(0.5f), sum, times(2.0f, p[3]));
    if constexpr (M == 3) {
      y[2] = Vec::add(y[2], p[4]);
    } else {
      y[3] = Vec::fma(Vec::splat(0.5f * kRootHalf), difference,
                      Vec::fma(Vec::splat(2.0f * kRootTwo), p[3], p[4]));
    }
  }
  static Vec::Reg times(float a, Vec::Reg b) { return Vec::fma(Vec::splat(a), b, Vec::zero()); }
};

/// 0, ±√½, ±√2 and infinity.
template <>
struct Winograd<6> {
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
    y[1] = Vec::fma(Vec::splat(kRootHalf), small_difference,
                    Winograd<5>::times(kRootTwo, large_difference));
    y[2] = Vec::fma(Vec::splat(0.5f), small_sum, Winograd<5>::times(2.0f, large_sum));
    y[3] = Vec::fma(Vec::splat(0.5f * kRootHalf), small_difference,
                    Vec::fma(Vec::splat(2.0f * kRootTwo), large_difference, p[5]));
  }
};

/// M outputs of R taps.
template <size_t M, size_t R>
struct WinogradAxis {
  static constexpr size_t kTaps = R;
  static constexpr size_t kOutputs = R == 1 ? 1 : M;
  static constexpr size_t kInputs = kOutputs + R - 1;
  static constexpr size_t kProducts = kInputs;

  static void input(const Vec::Reg (&x)[kInputs], Vec::Reg (&v)[kProducts]) {
    Winograd<kInputs>::input(x, v);
  }
  static void output(const Vec::Reg (&p)[kProducts], Vec::Reg (&y)[kOutputs]) {
    Winograd<kInputs>::output(p, y);
  }
};

/// Pairs along an axis of 3 taps: F(2, 2) with the roles of input and weights exchanged.
struct WinogradPair {
  static constexpr size_t kTaps = 3;
  static constexpr size_t kOutputs = 2;
  static constexpr size_t kInputs = 2;
  static constexpr size_t kProducts = 3;

  static void input(const Vec::Reg (&x)[2], Vec::Reg (&v)[3]) {
    v[0] = x[0];
    v[1] = Vec::add(x[0], x[1]);
    v[2] = x[1];
  }
  static void output(const Vec::Reg (&p)[3], Vec::Reg (&y)[2]) {
    y[0] = Vec::add(p[1], p[2]);
    y[1] = Vec::add(p[0], p[1]);
  }
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
template <class Y, class X, class Lanes>
inline void winograd_input_lanes(const WinogradInput& tile, size_t c, Lanes lanes) {
  constexpr size_t NY = Y::kInputs;
  constexpr size_t NX = X::kInputs;
  Vec::Reg half[Y::kProducts][NX];
  for (size_t j = 0; j < NX; j++) {
    Vec::Reg x[NY];
    Vec::Reg v[Y::kProducts];
    UNTANGLE_UNROLL for (size_t i = 0; i < NY; i++) x[i] = lanes.load(tile.x[i * NX + j] + c);
    Y::input(x, v);
    UNTANGLE_UNROLL for (size_t i = 0; i < Y::kProducts; i++) half[i][j] = v[i];
  }
  for (size_t i = 0; i < Y::kProducts; i++) {
    Vec::Reg v[X::kProducts];
    X::input(half[i], v);
    UNTANGLE_UNROLL for (size_t j = 0; j < X::kProducts; j++) {
      lanes.store(tile.v + (i * X::kProducts + j) * tile.stride + c, v[j]);
    }
  }
}

template <class Y, class X>
void winograd_input_f32(const WinogradInput& tile) {
  size_t c = 0;
  for (; c + Vec::kLanes <= tile.channels; c += Vec::kLanes) {
    winograd_input_lanes<Y, X>(tile, c, WholeLanes{});
  }
  if (c < tile.channels) winograd_input_lanes<Y, X>(tile, c, FirstLanes{tile.channels - c});
}

template <class Y, class X, class Lanes>
inline void winograd_output_lanes(const WinogradOutput& tile, size_t c, Lanes lanes) {
  constexpr size_t NY = Y::kProducts;
  constexpr size_t NX = X::kProducts;
  constexpr size_t MY = Y::kOutputs;
  constexpr size_t MX = X::kOutputs;
  Vec::Reg half[MY][NX];
  for (size_t j = 0; j < NX; j++) {
    Vec::Reg p[NY];
    Vec::Reg y[MY];
    UNTANGLE_UNROLL for (size_t i = 0; i < NY; i++) {
      p[i] = lanes.load(tile.p + (i * NX + j) * tile.stride + c);
    }
    Y::output(p, y);
    UNTANGLE_UNROLL for (size_t i = 0; i < MY; i++) half[i][j] = y[i];
  }
  const Vec::Reg bias = tile.bias != nullptr ? lanes.load(tile.bias + c) : Vec::zero();
  for (size_t i = 0; i < MY; i++) {
    Vec::Reg y[MX];
    X::output(half[i], y);
    Vec::Reg sums[MX][1];
    UNTANGLE_UNROLL for (size_t j = 0; j < MX; j++) sums[j][0] = Vec::add(y[j], bias);
    finish_sums(
        tile.finish, [&](Vec::Reg(&slopes)[1]) { slopes[0] = lanes.load(tile.finish.slopes + c); },
        sums);
    UNTANGLE_UNROLL for (size_t j = 0; j < MX; j++) {
      const size_t at = i * MX + j;
      float* target = tile.y != nullptr ? tile.y[at] : tile.p + at * tile.stride;
      if (target != nullptr) lanes.store(target + c, sums[j][0]);
    }
  }
}

template <class Y, class X>
void winograd_output_f32(const WinogradOutput& tile) {
  size_t c = 0;
  for (; c + Vec::kLanes <= tile.channels; c += Vec::kLanes) {
    winograd_output_lanes<Y, X>(tile, c, WholeLanes{});
  }
  if (c < tile.channels) winograd_output_lanes<Y, X>(tile, c, FirstLanes{tile.channels - c});
}

/// G of an axis, a row for each of its products.
template <class Axis>
struct WinogradFactors {
  float at[Axis::kProducts][Axis::kTaps];

  constexpr WinogradFactors() : at{} {
    constexpr double half = 0.70710678118654752440;
    constexpr double root = 1.41421356237309504880;
    constexpr double points[kMaxWinogradTaps + kMaxWinogradTile][kMaxWinogradTile + 1] = {
        {}, {}, {}, {0, 1}, {0, 1, -1}, {0, half, -half, root}, {0, half, -half, root, -root}};
    constexpr size_t last = Axis::kProducts - 1;
    for (size_t i = 0; i < last; i++) {
      const double point = points[Axis::kProducts][i];
      double power = 1;
      for (size_t j = 0; j < last; j++)
        if (j != i) power /= point - points[Axis::kProducts][j];
      for (size_t k = 0; k < Axis::kTaps; k++, power *= point) {
        at[i][k] = static_cast<float>(power);
      }
    }
    at[last][Axis::kTaps - 1] = 1;
  }
};

template <>
struct WinogradFactors<WinogradPair> {
  float at[3][3] = {{1, -1, 0}, {0, 1, 0}, {0, -1, 1}};
};

template <class Axis>
inline constexpr WinogradFactors<Axis> kWinogradFactors{};

/// Row ROW of G times the terms; those whose factor is zero are never asked for.
template <class Axis, size_t ROW, class Term>
inline Vec::Reg weigh(Term term) {
  Vec::Reg sum = Vec::zero();
  bool is_first = true;
  UNTANGLE_UNROLL for (size_t i = 0; i < Axis::kTaps; i++) {
    const float factor = kWinogradFactors<Axis>.at[ROW][i];
    if (factor == 0) continue;
    const bool is_plain = is_first && factor == 1;
    sum = is_plain ? term(i) : Vec::fma(Vec::splat(factor), term(i), sum);
    is_first = false;
  }
  return sum;
}

template <class X, size_t... F>
inline void store_products(const Vec::Reg (&sums)[X::kTaps], float* u, size_t stride,
                           Indices<F...>) {
  (Vec::store(u + F * stride, weigh<X, F>([&](size_t j) { return sums[j]; })), ...);
}

/// The rows of the window first, then its columns.
template <class Y, class X, size_t ROW>
void winograd_weights_row(const WinogradWeights& kernel) {
  constexpr size_t RX = X::kTaps;
  for (size_t c = 0; c < kernel.count; c += Vec::kLanes) {
    Vec::Reg sums[RX];
    UNTANGLE_UNROLL for (size_t j = 0; j < RX; j++) {
      sums[j] = weigh<Y, ROW>([&](size_t i) { return Vec::load(kernel.w[i * RX + j] + c); });
    }
    store_products<X>(sums, kernel.u + c, kernel.stride,
                      typename MakeIndices<X::kProducts>::Type{});
  }
}

template <class Y, class X, size_t... ROW>
inline void winograd_weights_of(const WinogradWeights& kernel, Indices<ROW...>) {
  using Row = void (*)(const WinogradWeights&);
  static constexpr Row kRows[] = {winograd_weights_row<Y, X, ROW>...};
  kRows[kernel.row](kernel);
}

template <class Y, class X>
void winograd_weights_f32(const WinogradWeights& kernel) {
  winograd_weights_of<Y, X>(kernel, typename MakeIndices<Y::kProducts>::Type{});
}

template <class Y, class X>
constexpr WinogradKernels winograd_kernels() {
  return {winograd_weights_f32<Y, X>, winograd_input_f32<Y, X>, winograd_output_f32<Y, X>};
}

/// Tiles of M outputs; with M = 3 there are none of two taps.
template <size_t M>
constexpr void fill_winograd(WinogradKernels (&of)[kMaxWinogradTaps][kMaxWinogradTaps]) {
  using One = WinogradAxis<M, 1>;
  using Three = WinogradAxis<M, 3>;
  of[0][2] = winograd_kernels<One, Three>();
  of[2][0] = winograd_kernels<Three, One>();
  of[2][2] = winograd_kernels<Three, Three>();
  if constexpr (M != 3) {
    using Two = WinogradAxis<M, 2>;
    of[0][1] = winograd_kernels<One, Two>();
    of[1][0] = winograd_kernels<Two, One>();
    of[1][1] = winograd_kernels<Two, Two>();
    of[1][2] = winograd_kernels<Two, Three>();
    of[2][1] = winograd_kernels<Three, Two>();
  }
}

constexpr void fill_winograd_pairs(WinogradKernels (&of)[kMaxWinogradTaps][kMaxWinogradTaps]) {
  using One = WinogradAxis<2, 1>;
  of[0][2] = winograd_kernels<One, WinogradPair>();
  of[2][0] = winograd_kernels<WinogradPair, One>();
  of[2][2] = winograd_kernels<WinogradPair, WinogradPair>();
}
