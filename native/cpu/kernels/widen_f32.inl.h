// Weights of any type as f32; the contract is WidenRows in kernels.h.
// Included by kernels_<isa>.cc inside an anonymous namespace, after gemm_f32.inl.h.

template <class W>
inline void widen_flat(const W* source, size_t count, float* target) {
  Vec::Reg v[kPanelVectors];
  size_t at = 0;
  for (; at + kPanel <= count; at += kPanel) {
    Vec::load_panel(source + at, v);
    store_columns<kPanelVectors>(target + at, kPanel, v);
  }
  if (at == count) return;
  W rest[kPanel] = {};
  __builtin_memcpy(rest, source + at, (count - at) * sizeof(W));
  Vec::load_panel(rest, v);
  store_columns<kPanelVectors>(target + at, count - at, v);
}

/// Rows of a panel: both stay in registers.
inline void widen_panel(const int8_t* source, const float* scales, size_t rows, float* target) {
  Vec::Reg factors[kPanelVectors];
  load_columns<kPanelVectors>(scales, kPanel, factors);
  for (size_t row = 0; row < rows; row++) {
    Vec::Reg v[kPanelVectors];
    Vec::load_panel(source + row * kPanel, v);
    UNTANGLE_UNROLL for (size_t j = 0; j < kPanelVectors; j++) v[j] = Vec::mul(v[j], factors[j]);
    store_columns<kPanelVectors>(target + row * kPanel, kPanel, v);
  }
}

inline void widen_bytes(const WidenRows& of) {
  const auto* source = static_cast<const int8_t*>(of.source);
  if (of.width == kPanel) return widen_panel(source, of.scales, of.rows, of.target);
  widen_flat(source, of.rows * of.width, of.target);
  for (size_t row = 0; row < of.rows; row++) {
    float* target = of.target + row * of.width;
    for (size_t j = 0; j < of.width; j++) target[j] *= of.scales[j];
  }
}

void widen_f32(const WidenRows& of) {
  const size_t count = of.rows * of.width;
  switch (of.type) {
    case WeightType::kFp32:
      return widen_flat(static_cast<const float*>(of.source), count, of.target);
    case WeightType::kFp16:
      return widen_flat(static_cast<const Half*>(of.source), count, of.target);
    case WeightType::kInt8:
      return widen_bytes(of);
  }
}
