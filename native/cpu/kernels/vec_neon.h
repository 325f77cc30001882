// Vec for 64-bit ARM: 4 lanes. Included inside an anonymous namespace.

struct Vec {
  using Reg = float32x4_t;
  static constexpr size_t kLanes = 4;
  static constexpr size_t kRegisters = 32;
  static Reg zero() { return vdupq_n_f32(0.0f); }
  static Reg load(const float* p) { return vld1q_f32(p); }
  /// Columns of a panel, widened.
  static void load_panel(const float* p, Reg (&v)[4]) {
    for (size_t i = 0; i < 4; i++) v[i] = load(p + i * kLanes);
  }
  static void load_panel(const Half* p, Reg (&v)[4]) {
    for (size_t i = 0; i < 2; i++) {
      const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(p + i * 8));
      v[2 * i] = vcvt_f32_f16(vget_low_f16(halves));
      v[2 * i + 1] = vcvt_high_f32_f16(halves);
    }
  }
  static void load_panel(const int8_t* p, Reg (&v)[4]) {
    const int8x16_t bytes = vld1q_s8(p);
    const int16x8_t words[2] = {vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)};
    for (size_t i = 0; i < 2; i++) {
      v[2 * i] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(words[i])));
      v[2 * i + 1] = vcvtq_f32_s32(vmovl_high_s16(words[i]));
    }
  }
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
  static Reg mul(Reg a, Reg b) { return vmulq_f32(a, b); }
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
