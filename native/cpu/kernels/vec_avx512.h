// Vec for AVX-512: 16 lanes, masked tails. Included inside an anonymous namespace.

struct Vec {
  using Reg = __m512;
  static constexpr size_t kLanes = 16;
  static constexpr size_t kRegisters = 32;
  static __mmask16 first(size_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  /// Columns of a panel, widened.
  static void load_panel(const float* p, Reg (&v)[1]) { v[0] = load(p); }
  static void load_panel(const Half* p, Reg (&v)[1]) {
    v[0] = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static void load_panel(const int8_t* p, Reg (&v)[1]) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    v[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
  }
  static void store(float* p, Reg v) { _mm512_storeu_ps(p, v); }
  /// Past the caches; p is aligned.
  static void stream(float* p, Reg v) { _mm512_stream_ps(p, v); }
  static void end_streams() { _mm_sfence(); }
  /// The first n of a register, 1 <= n < kLanes.
  static Reg load_first(const float* p, size_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store_first(float* p, Reg v, size_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
  static Reg splat(float x) { return _mm512_set1_ps(x); }
  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  /// x < low ? low : x > high ? high : x, as scalars compare.
  static Reg clamp(Reg x, Reg low, Reg high) { return _mm512_min_ps(high, _mm512_max_ps(low, x)); }
  /// x < 0 ? slope * x : x
  static Reg scale_negative(Reg x, Reg slope) {
    const __mmask16 negative = _mm512_cmp_ps_mask(x, zero(), _CMP_LT_OQ);
    return _mm512_mask_mul_ps(x, negative, slope, x);
  }
  /// Holds v in a register, where the compiler would load it again for every use.
  static void keep(Reg& v) { asm("" : "+v"(v)); }
};
