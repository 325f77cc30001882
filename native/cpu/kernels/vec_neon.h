// Vec for 64-bit ARM: 4 lanes. Included inside an anonymous namespace.

struct Vec {
  using Reg = float32x4_t;
  static constexpr size_t kLanes = 4;
  static constexpr size_t kRegisters = 32;
  static Reg zero() { return vdupq_n_f32(0.0f); }
  static Reg load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, Reg v) { vst1q_f32(p, v); }
  static void stream(float* p, Reg v) { store(p, v); }
  static void end_streams() {}
  /// The first n of a register, 1 <= n < kLanes.
  static Reg load_first(const float* p, size_t n) {
    float lanes[kLanes] = {};
    for (size_t i = 0; i < n; i++) lanes[i] = p[i];
    return vld1q_f32(lanes);
  }
  static void store_first(float* p, Reg v, size_t n) {
    float lanes[kLanes];
    vst1q_f32(lanes, v);
    for (size_t i = 0; i < n; i++) p[i] = lanes[i];
  }
  static Reg splat(float x) { return vdupq_n_f32(x); }
  static Reg add(Reg a, Reg b) { return vaddq_f32(a, b); }
  static Reg sub(Reg a, Reg b) { return vsubq_f32(a, b); }
  static Reg fma(Reg a, Reg b, Reg c) { return vfmaq_f32(c, a, b); }
  /// x < low ? low : x > high ? high : x, as scalars compare.
  static Reg clamp(Reg x, Reg low, Reg high) {
    const Reg raised = vbslq_f32(vcltq_f32(x, low), low, x);
    return vbslq_f32(vcgtq_f32(raised, high), high, raised);
  }
  /// x < 0 ? slope * x : x
  static Reg scale_negative(Reg x, Reg slope) {
    return vbslq_f32(vcltzq_f32(x), vmulq_f32(slope, x), x);
  }
  /// Holds v in a register, where the compiler would load it again for every use.
  static void keep(Reg& v) { asm("" : "+w"(v)); }
};
