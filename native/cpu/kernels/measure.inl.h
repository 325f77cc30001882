// Loops that find the machine's limits. Included by kernels_<isa>.cc inside an anonymous namespace,
// after Vec.

/// Twelve chains: enough for 2 FMAs a cycle of latency 4 to 6, and to stay in 16 registers.
double fma_rounds(size_t steps) {
  constexpr size_t kChains = 12;
  Vec::Reg acc[kChains];
  UNTANGLE_UNROLL for (size_t i = 0; i < kChains; i++) acc[i] = Vec::splat(static_cast<float>(i));
  const Vec::Reg a = Vec::splat(0.5f);  // x = 0.5 x + 1 settles at 2: no overflow, no denormals
  const Vec::Reg b = Vec::splat(1.0f);
  for (size_t step = 0; step < steps; step++) {
    UNTANGLE_UNROLL for (size_t i = 0; i < kChains; i++) acc[i] = Vec::fma(acc[i], a, b);
  }
  float lanes[Vec::kLanes] = {};
  for (size_t i = 0; i < kChains; i++) {
    float part[Vec::kLanes];
    Vec::store(part, acc[i]);
    for (size_t j = 0; j < Vec::kLanes; j++) lanes[j] += part[j];
  }
  // Twelve chains that settle at 2 can sum to no negative number, but the compiler does not know.
  return lanes[0] < 0.0f ? 0.0 : 2.0 * kChains * Vec::kLanes * static_cast<double>(steps);
}

float read_all(const float* data, size_t count, size_t repeats) {
  constexpr size_t kStreams = 8;
  Vec::Reg acc[kStreams];
  UNTANGLE_UNROLL for (size_t i = 0; i < kStreams; i++) acc[i] = Vec::zero();
  const Vec::Reg one = Vec::splat(1.0f);
  size_t at = 0;
  for (size_t repeat = 0; repeat < repeats; repeat++) {
    for (at = 0; at + kStreams * Vec::kLanes <= count; at += kStreams * Vec::kLanes) {
      UNTANGLE_UNROLL for (size_t i = 0; i < kStreams; i++) {
        acc[i] = Vec::fma(Vec::load(data + at + i * Vec::kLanes), one, acc[i]);
      }
    }
  }
  float sum = 0;
  for (; at < count; at++) sum += data[at];
  for (size_t i = 0; i < kStreams; i++) {
    float part[Vec::kLanes];
    Vec::store(part, acc[i]);
    for (size_t j = 0; j < Vec::kLanes; j++) sum += part[j];
  }
  return sum;
}
