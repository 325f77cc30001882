// Vec for any machine: 4 lanes of plain C++, which compilers map on whatever the base
// architecture has (SSE2 on x86-64). Included inside an anonymous namespace.

struct Vec {
  typedef float Reg __attribute__((vector_size(16)));
  static constexpr size_t kLanes = 4;
  static constexpr size_t kRegisters = 16;
  static Reg zero() { return Reg{0, 0, 0, 0}; }
  static Reg load(const float* p) {
    Reg v;
    __builtin_memcpy(&v, p, sizeof(v));
    return v;
  }
  /// Columns of a panel, widened.
  static void load_panel(const float* p, Reg (&v)[4]) {
    for (size_t i = 0; i < 4; i++) v[i] = load(p + i * kLanes);
  }
  static void load_panel(const Half* p, Reg (&v)[4]) {
    for (size_t i = 0; i < 4; i++, p += kLanes) v[i] = from_half(Words{p[0], p[1], p[2], p[3]});
  }
  static void load_panel(const int8_t* p, Reg (&v)[4]) {
    typedef int32_t Integers __attribute__((vector_size(16)));
    for (size_t i = 0; i < 4; i++, p += kLanes)
      v[i] = __builtin_convertvector((Integers{p[0], p[1], p[2], p[3]}), Reg);
  }
  typedef uint32_t Words __attribute__((vector_size(16)));
  /// The bits of half precision to f32: they move into place, and a product makes up for the other
  /// bias of the exponent, subnormal or not. Only infinities and NaN have the largest exponent.
  static Reg from_half(Words half) {
    const Words magnitude = (half & 0x7fffu) << 13;
    const Words product = reinterpret_cast<Words>(reinterpret_cast<Reg>(magnitude) * 0x1p112f);
    const Words special = reinterpret_cast<Words>(magnitude >= 0x0f800000u) & 0x7f800000u;
    return reinterpret_cast<Reg>(product | special | (half & 0x8000u) << 16);
  }
  static void store(float* p, Reg v) { __builtin_memcpy(p, &v, sizeof(v)); }
  static void stream(float* p, Reg v) { store(p, v); }
  static void end_streams() {}
  /// The first n of a register, 1 <= n < kLanes.
  static Reg load_first(const float* p, size_t n) {
    Reg v = zero();
    for (size_t i = 0; i < n; i++) v[i] = p[i];
    return v;
  }
  static void store_first(float* p, Reg v, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = v[i];
  }
  static Reg splat(float x) { return Reg{x, x, x, x}; }
  static Reg add(Reg a, Reg b) { return a + b; }
  static Reg mul(Reg a, Reg b) { return a * b; }
  static Reg sub(Reg a, Reg b) { return a - b; }
  static Reg fma(Reg a, Reg b, Reg c) { return a * b + c; }
  /// x < low ? low : x > high ? high : x, as scalars compare.
  static Reg clamp(Reg x, Reg low, Reg high) {
    const Reg raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
  /// x < 0 ? slope * x : x
  static Reg scale_negative(Reg x, Reg slope) { return x < zero() ? slope * x : x; }
  /// Nothing to hold: the compiler may know better.
  static void keep(Reg&) {}
};
