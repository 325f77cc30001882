// GFLOP per second of CPU time of the GEMM tiles and of whole gemmTaps commands, beside the FMA
// peak of one core. Not part of ctest.
//
//   bench_gemm [isa] [threads]

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "native/test/conv_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

/// CPU time of this process: other work on the machine does not count.
double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Mean CPU time of one call, in seconds, over about 0.3 s.
template <typename F>
double mean_seconds(F&& call) {
  call();
  const double start = cpu_seconds();
  for (size_t calls = 1;; calls++) {
    call();
    const double seconds = cpu_seconds() - start;
    if (seconds > 0.3) return seconds / static_cast<double>(calls);
  }
}

void report(const char* name, double macs, double seconds, double peak) {
  const double gflops = 2e-9 * macs / seconds;
  std::printf("%-44s %9.3f ms %7.1f GFLOP/s %5.1f %%\n", name, seconds * 1e3, gflops,
              100 * gflops / peak);
}

/// A tile over 9 taps of 256 channels: 36 rows of x, weights of one column tile from L2.
void bench_tile(const Kernels& kernels, WeightType type, size_t panels, size_t mr, double peak) {
  constexpr size_t kTaps = 9;
  constexpr size_t kKc = 256;
  constexpr size_t kCalls = 20;
  const auto x = integers((mr + kTaps) * kKc, 1, 4);
  const auto weights =
      store(type, integers(panels * kTaps * kKc * kPanel, 2, 4), kTaps * kKc, kPanel);
  const std::byte* first = weights.data() + scale_weights(type, kPanel) * weight_bytes(type);
  std::vector<float> out(mr * panels * kPanel);
  std::vector<const float*> rows;
  std::vector<uint32_t> tap_k;
  std::vector<float*> c;
  for (size_t tap = 0; tap < kTaps; tap++) {
    tap_k.push_back(static_cast<uint32_t>(tap * kKc));
    for (size_t i = 0; i < mr; i++) rows.push_back(x.data() + (tap + i) * kKc);
  }
  for (size_t i = 0; i < mr; i++) c.push_back(out.data() + i * panels * kPanel);
  const GemmTile tile{rows.data(), tap_k.data(), kTaps,
                      kKc,         first,        panel_weights(type, kTaps * kKc, kPanel),
                      nullptr,     c.data(),     panels * kPanel,
                      false,       {},           reinterpret_cast<const float*>(weights.data())};
  const GemmF32 kernel = kernels.gemm[static_cast<size_t>(type)].tile[panels - 1][mr - 1];
  const double seconds = mean_seconds([&] {
    for (size_t i = 0; i < kCalls; i++) kernel(tile);
  });
  char name[64];
  std::snprintf(name, sizeof(name), "gemm_%s_%zux%zu_%s", name_of(type), mr, panels * kPanel,
                kernels.isa);
  report(name, static_cast<double>(kCalls * mr * panels * kPanel * kTaps * kKc), seconds, peak);
}

/// A square convolution with `same` padding; flags add to its region.
ConvCase conv(Shape x, uint32_t outputs, int kernel, uint32_t flags) {
  ConvCase c{.name = "", .x = x, .y = {x.n, x.height, x.width, outputs}};
  c.k_total = static_cast<uint32_t>(kernel * kernel) * x.channels;
  std::vector<TapRecord> taps;
  for (int i = 0; i < kernel * kernel; i++) {
    taps.push_back({i / kernel, i % kernel, static_cast<uint32_t>(i) * x.channels, 0});
  }
  c.regions = {{{0, 0, 1, 1, x.height, x.width, -(kernel / 2), -(kernel / 2), 1, 1, 0, 0,
                 x.channels, flags, 0, 0},
                taps}};
  return c;
}

void bench_conv(const Kernels& kernels, size_t threads, const char* name, ConvCase c, double peak,
                WeightType type = WeightType::kFp32) {
  c.type = type;
  ConvProgram program(c);
  const double macs = static_cast<double>(c.y.n) * c.y.height * c.y.width *
                      static_cast<double>(c.columns()) * c.k_total;
  double seconds = 0;
  program.repeat(kernels, threads, [&](auto&& once) { seconds = mean_seconds(once); });
  report((std::string(name) + " " + name_of(type)).c_str(), macs, seconds, peak);
}

}  // namespace

int main(int argc, char** argv) {
  const Kernels* kernels = select_kernels(argc > 1 ? argv[1] : nullptr);
  if (kernels == nullptr) return std::printf("no such instruction set here\n"), 1;
  const size_t threads = argc > 2 ? static_cast<size_t>(std::atoi(argv[2])) : 1;
  const double peak = measure_gflops(*kernels, 0.2);
  const auto memory = integers(size_t{16} << 20, 1, 4);
  std::printf("%s: FMA peak %.1f GFLOP/s, read %.1f GB/s per core; %zu threads\n", kernels->isa,
              peak, measure_read_gbs(*kernels, memory.data(), memory.size(), 0.2), threads);
  for (size_t panels = 1; panels <= kernels->panels; panels++) {
    for (size_t mr : {size_t{1}, size_t{2}, size_t{4}, size_t{8}}) {
      for (const WeightType type : kWeightTypes)
        if (mr < kernels->mr) bench_tile(*kernels, type, panels, mr, peak);
    }
    for (const WeightType type : kWeightTypes)
      bench_tile(*kernels, type, panels, kernels->mr, peak);
  }
  for (const WeightType type : kWeightTypes) {
    bench_conv(*kernels, threads, "3x3 64x64x256 -> 256",
               conv({1, 64, 64, 256}, 256, 3, kRegionPadded), peak, type);
    bench_conv(*kernels, threads, "3x3 64x64x256 -> 256 per tap",
               conv({1, 64, 64, 256}, 256, 3, kRegionPerTap), peak, type);
    bench_conv(*kernels, threads, "2x2 4x4x1024 -> 512",
               conv({1, 4, 4, 1024}, 512, 2, kRegionPadded), peak, type);
    bench_conv(*kernels, threads, "3x3 8x8x1024 -> 512",
               conv({1, 8, 8, 1024}, 512, 3, kRegionPadded), peak, type);
    bench_conv(*kernels, threads, "2x2 16x16x256 -> 128",
               conv({1, 16, 16, 256}, 128, 2, kRegionPadded), peak, type);
    bench_conv(*kernels, threads, "2x2 32x32x128 -> 64",
               conv({1, 32, 32, 128}, 64, 2, kRegionPadded), peak, type);
    bench_conv(*kernels, threads, "3x3 64x64x64 -> 12", conv({1, 64, 64, 64}, 12, 3, kRegionPadded),
               peak, type);
    bench_conv(*kernels, threads, "1x1 256x256x16 -> 16", conv({1, 256, 256, 16}, 16, 1, 0), peak,
               type);
    bench_conv(*kernels, threads, "1x1x100 -> 16384", conv({1, 1, 1, 100}, 16384, 1, 0), peak,
               type);
  }
  return 0;
}
