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
