// Programs of one command over random views, run on every instruction set and thread count.

#pragma once

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "native/cpu/execution.h"
#include "native/cpu/kernels/kernels.h"
#include "native/program/validate.h"
#include "native/test/check.h"
#include "native/test/gpu_run.h"
#include "native/test/team.h"

namespace untangle::test {

using Dims = std::vector<uint32_t>;

/// Small repeatable random numbers.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed) {}
  uint32_t below(uint32_t limit) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % limit;
  }
  uint32_t between(uint32_t low, uint32_t high) { return low + below(high - low + 1); }
  bool one_in(uint32_t n) { return below(n) == 0; }

 private:
  uint32_t state_;
};

/// How random views lie in memory.
enum class Lay {
  kContiguous,
  kAny,        // permuted, with gaps, some dims reversed
  kBroadcast,  // like kAny, some dims with stride 0: to read only
};

/// One command and the arena it runs on. Views are placed one after the other, never overlapping.
class OpProgram {
 public:
  explicit OpProgram(uint32_t seed) : random(seed) {}

  /// Adds a view of its own memory, filled with integers in [-span, span].
  uint32_t add(const Dims& dims, Lay lay, int span = 8) {
    std::vector<uint32_t> order(dims.size());
    for (uint32_t d = 0; d < order.size(); d++) order[d] = d;
    if (lay != Lay::kContiguous) {
      for (uint32_t d = 1; d < order.size(); d++) std::swap(order[d], order[random.below(d + 1)]);
    }
    ViewRecord view{};
    view.slot = kSlotArena;
    view.rank = static_cast<uint32_t>(dims.size());
    for (uint32_t d = 0; d < 6; d++) (&view.dim0)[d] = d < dims.size() ? dims[d] : 1;
    int64_t size = 1;
    int64_t first = 0;
    for (size_t i = order.size(); i-- > 0;) {
      const uint32_t d = order[i];
      if (lay == Lay::kBroadcast && random.one_in(4)) continue;  // stride 0
      const bool reversed = lay != Lay::kContiguous && random.one_in(6);
      (&view.stride0)[d] = static_cast<int32_t>(reversed ? -size : size);
      if (reversed) first += (dims[d] - 1) * size;
      size *= dims[d];
      if (lay != Lay::kContiguous && random.one_in(3)) size += random.between(1, 3);
    }
    view.offset_bytes = static_cast<uint32_t>((arena.size() + first) * 4);
    for (int64_t i = 0; i < size; i++) {
      arena.push_back(static_cast<float>(static_cast<int>(random.below(2 * span + 1)) - span));
    }
    views.push_back(view);
    return static_cast<uint32_t>(views.size() - 1);
  }

  const uint32_t* dims(uint32_t view) const { return &views[view].dim0; }

  /// Where an element lies in the arena.
  size_t at(uint32_t view, std::initializer_list<uint32_t> index) const {
    int64_t offset = views[view].offset_bytes / 4;
    uint32_t d = 0;
    for (const uint32_t i : index) offset += int64_t{i} * (&views[view].stride0)[d++];
    return static_cast<size_t>(offset);
  }

  /// The same for the `i`-th element in row-major order.
  size_t at_flat(uint32_t view, size_t i) const {
    int64_t offset = views[view].offset_bytes / 4;
    for (uint32_t d = 6; d-- > 0;) {
      offset += static_cast<int64_t>(i % dims(view)[d]) * (&views[view].stride0)[d];
      i /= dims(view)[d];
    }
    return static_cast<size_t>(offset);
  }
  size_t count(uint32_t view) const {
    size_t product = 1;
    for (uint32_t d = 0; d < 6; d++) product *= dims(view)[d];
    return product;
  }

  /// Validates and runs `command`; compares the whole arena with `expected`, elements outside
  /// `scratch` views.
  template <typename Command>
  void check(const Command& command, const std::vector<float>& expected, const std::string& name,
             double tolerance = 0, uint32_t scratch = kNone) {
    static_assert(sizeof(Command) == kCommandBytes);
    const auto* bytes = reinterpret_cast<const std::byte*>(&command);
    Program program{{},
                    views,
                    {bytes, kCommandBytes},
                    {},
                    {},
                    ops,
                    indices,
                    {},
                    0,
                    0,
                    static_cast<uint32_t>(arena.size() * 4)};
    const auto problem = validate_program(program);
    CHECK(!problem, "%s: %s", name.c_str(), problem.value_or("").c_str());
    if (problem) return;
    const Kernels* sets[8];
    const size_t set_count = available_kernels(sets, 8);
    for (size_t set = 0; set < set_count; set++) {
      std::vector<float> single;
      for (const size_t threads : {1, 2, 3}) {
        const std::vector<float> result = execute_once(program, *sets[set], threads);
        const std::string where =
            name + ", " + sets[set]->isa + ", " + std::to_string(threads) + " threads";
        if (threads == 1) {
          compare(result, expected, tolerance, scratch, where);
          single = result;
        } else {
          CHECK(std::memcmp(result.data(), single.data(), result.size() * 4) == 0,
                "%s: other bits than one thread", where.c_str());
        }
      }
    }
    if (!test_device()) return;
    compare(run_on_gpu(program, arena), expected, std::max(tolerance, kGpuTolerance), scratch,
            name + ", GPU");
  }

  // Its own functions, and sums in another order.
  static constexpr double kGpuTolerance = 2e-6;

  Random random;
  std::vector<float> arena;
  std::vector<ViewRecord> views;
  std::vector<OpRecord> ops;
  std::vector<int32_t> indices;

 private:
  std::vector<float> execute_once(const Program& program, const Kernels& kernels,
                                  size_t threads) const {
    std::vector<float> memory = arena;
    Team& team = team_of(threads);
    const std::atomic<bool> aborted{false};
    IndexFault fault;
    const Execution run{program,     reinterpret_cast<std::byte*>(memory.data()),
                        nullptr,     team.fresh_workspace(),
                        team.pool(), kernels,
                        aborted,     fault};
    without_allocations([&] { execute(run, nullptr); });
    return memory;
  }

  void compare(const std::vector<float>& result, const std::vector<float>& expected,
               double tolerance, uint32_t scratch, const std::string& where) const {
    const size_t skip_first = scratch == kNone ? arena.size() : views[scratch].offset_bytes / 4;
    const size_t skip_last = scratch == kNone ? 0 : skip_first + count(scratch);
    for (size_t i = 0; i < result.size(); i++) {
      if (i >= skip_first && i < skip_last) continue;
      const double a = result[i];
      const double b = expected[i];
      const bool same = a == b || (std::isnan(a) && std::isnan(b)) ||
                        std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b));
      CHECK(same, "%s: element %zu is %g, not %g", where.c_str(), i, a, b);
      if (!same) return;
    }
  }
};

}  // namespace untangle::test
