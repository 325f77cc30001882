// Chooses the kernels: CPU features are read once, when a set is asked for.

#include "native/cpu/kernels/kernels.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace untangle {

namespace {

bool runs_scalar() { return true; }
#if defined(__x86_64__)
// Older compilers' __builtin_cpu_supports does not know it; whether registers are saved, avx2 says.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
bool runs_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
bool runs_avx512() {
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#elif defined(__aarch64__)
bool runs_neon() { return true; }  // part of the base architecture
#endif

struct Candidate {
  const Kernels* kernels;
  bool (*runs)();
};
constexpr Candidate kCandidates[] = {
#define ISA(name, mr, run_rows, panels) {&kernels_##name, runs_##name},
#include "native/cpu/kernels/kernels.def"
#undef ISA
};

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

const Kernels* select_kernels(const char* isa) {
  for (const Candidate& candidate : kCandidates) {
    if (isa != nullptr && std::strcmp(isa, candidate.kernels->isa) != 0) continue;
    if (candidate.runs()) return candidate.kernels;
  }
  return nullptr;
}

const char* best_isa() { return select_kernels(nullptr)->isa; }

size_t available_kernels(const Kernels** list, size_t capacity) {
  size_t count = 0;
  for (const Candidate& candidate : kCandidates) {
    if (!candidate.runs()) continue;
    if (count < capacity) list[count] = candidate.kernels;
    count++;
  }
  return count;
}

double measure_gflops(const Kernels& kernels, double seconds) {
  constexpr size_t kSteps = 100'000;  // about 0.3 ms: long against the clock's resolution
  double best = 0;
  const Clock::time_point start = Clock::now();
  do {
    const Clock::time_point round = Clock::now();
    const double flops = kernels.fma_rounds(kSteps);
    const double rate = flops / seconds_since(round) * 1e-9;
    if (rate > best) best = rate;
  } while (seconds_since(start) < seconds);
  return best;
}

double measure_read_gbs(const Kernels& kernels, const float* data, size_t count, double seconds) {
  constexpr size_t kRoundFloats =
      1 << 18;  // some 10 us and more: long against the clock's resolution
  const size_t repeats = std::max<size_t>(1, kRoundFloats / std::max<size_t>(1, count));
  volatile float sink = 0;  // keeps the reads
  double best = 0;
  const Clock::time_point start = Clock::now();
  do {
    const Clock::time_point round = Clock::now();
    sink = kernels.read_all(data, count, repeats);
    const double rate =
        static_cast<double>(repeats * count * sizeof(float)) / seconds_since(round) * 1e-9;
    if (rate > best) best = rate;
  } while (seconds_since(start) < seconds);
  static_cast<void>(sink);
  return best;
}

}  // namespace untangle
