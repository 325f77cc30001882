#include "native/addon/measure.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <vector>

#include "native/session/session_state.h"

namespace untangle {
namespace {

constexpr double kSeconds = 0.1;

// Larger than the caches of boards and, for a few threads, of most desktops.
constexpr size_t kReadBytes = 128 * 1024 * 1024;

double sum(const std::vector<double>& rates) {
  double total = 0;
  for (const double rate : rates) total += rate;
  return total;
}

/// The median of many.
double measure_phase_ns(ThreadPool& pool) {
  using Clock = std::chrono::steady_clock;
  constexpr size_t kRounds = 2000;
  constexpr std::chrono::duration<double> kLongest(kSeconds);
  std::vector<double> times;
  times.reserve(kRounds);
  const Clock::time_point start = Clock::now();
  while (times.size() < kRounds && (times.empty() || Clock::now() - start < kLongest)) {
    const Clock::time_point round = Clock::now();
    pool.parallel_for(pool.threads(), [](size_t, size_t) {});
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - round).count());
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

MachineSpeed measure_with(const Kernels& kernels, ThreadPool& pool, const float* data,
                          size_t floats, std::span<const size_t> block_bytes) {
  const size_t threads = pool.threads();
  std::vector<double> rates(threads);
  // Items take equally long, so every thread gets one.
  pool.parallel_for(threads,
                    [&](size_t item, size_t) { rates[item] = measure_gflops(kernels, kSeconds); });
  MachineSpeed speed{.gflops = sum(rates), .read_gbs = 0, .block_gbs = {}, .phase_ns = 0};
  const size_t share = floats / threads;
  const auto read = [&](size_t count) {
    pool.parallel_for(threads, [&](size_t item, size_t) {
      rates[item] = measure_read_gbs(kernels, data + item * share, count, kSeconds);
    });
    return sum(rates);
  };
  speed.read_gbs = read(share);
  for (const size_t bytes : block_bytes) {
    speed.block_gbs.push_back(read(std::clamp<size_t>(bytes / sizeof(float), 1, share)));
  }
  speed.phase_ns = measure_phase_ns(pool);
  return speed;
}

}  // namespace

std::optional<MachineSpeed> measure_machine(const Kernels& kernels, size_t threads,
                                            std::span<const size_t> block_bytes) {
  const auto memory = AlignedBytes::allocate(kReadBytes, /*zeroed=*/true);
  if (!memory) return std::nullopt;
  try {
    ThreadPool pool(threads);
    return measure_with(kernels, pool, reinterpret_cast<const float*>(memory->data()),
                        kReadBytes / sizeof(float), block_bytes);
  } catch (const std::system_error&) {
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace untangle
