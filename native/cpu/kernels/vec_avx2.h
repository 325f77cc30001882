// Vec for AVX2 with FMA: 8 lanes, masked tails. Included inside an anonymous namespace.

alignas(64) constexpr int kLaneMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Vec {
  using Reg = __m256;
  static constexpr size_t kLanes = 8;
  static constexpr size_t kRegisters = 16;
  static __m256i first(size_t n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMask + kLanes - n));
  }
  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  /// Columns of a panel, widened.
  static void load_panel(const float* p, Reg (&v)[2]) { v[0] = load(p), v[1] = load(p + kLanes); }
  static void load_panel(const Half* p, Reg (&v)[2]) {
    const auto* halves = reinterpret_cast<const __m128i*>(p);
    v[0] = _mm256_cvtph_ps(_mm_loadu_si128(halves));
    v[1] = _mm256_cvtph_ps(_mm_loadu_si128(halves + 1));
  }
  static void load_panel(const int8_t* p, Reg (&v)[2]) {
    for (size_t i = 0; i < 2; i++) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + i * kLanes));
      v[i] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    }
  }
  static void store(float* p, Reg v) { _mm256_storeu_ps(p, v); }
  /// Past the caches; p is aligned.
  static void stream(float* p, Reg v) { _mm256_stream_ps(p, v); }
  static void end_streams() { _mm_sfence(); }
  /// The first n of a register, 1 <= n < kLanes.
  static Reg load_first(const float* p, size_t n) { return _mm256_maskload_ps(p, first(n)); }
  static void store_first(float* p, Reg v, size_t n) { _mm256_maskstore_ps(p, first(n), v); }
  static Reg splat(float x) { return _mm256_set1_ps(x); }
  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  /// x < low ? low : x > high ? high : x, as scalars compare.
  static Reg clamp(Reg x, Reg low, Reg high) { return _mm256_min_ps(high, _mm256_max_ps(low, x)); }
  /// x < 0 ? slope * x : x
  static Reg scale_negative(Reg x, Reg slope) {
    const Reg negative = _mm256_cmp_ps(x, zero(), _CMP_LT_OQ);
    return _mm256_blendv_ps(x, _mm256_mul_ps(slope, x), negative);
  }
  /// Holds v in a register, where the compiler would load it again for every use.
  static void keep(Reg& v) { asm("" : "+x"(v)); }
};
