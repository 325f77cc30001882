#include "native/addon/measure.h"

#include <cstring>
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

MachineSpeed measure_with(const Kernels& kernels, ThreadPool& pool, const float* data,
                          size_t floats) {
  const size_t threads = pool.threads();
  std::vector<double> rates(threads);
  // Items take equally long, so every thread gets one.
  pool.parallel_for(threads,
                    [&](size_t item, size_t) { rates[item] = measure_gflops(kernels, kSeconds); });
  const double gflops = sum(rates);
  const size_t share = floats / threads;
  pool.parallel_for(threads, [&](size_t item, size_t) {
    rates[item] = measure_read_gbs(kernels, data + item * share, share, kSeconds);
  });
  return {gflops, sum(rates)};
}

}  // namespace

std::optional<MachineSpeed> measure_machine(const Kernels& kernels, size_t threads) {
  const auto memory = AlignedBytes::allocate(kReadBytes, /*zeroed=*/true);
  if (!memory) return std::nullopt;
  try {
    ThreadPool pool(threads);
    return measure_with(kernels, pool, reinterpret_cast<const float*>(memory->data()),
                        kReadBytes / sizeof(float));
  } catch (const std::system_error&) {
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace untangle
