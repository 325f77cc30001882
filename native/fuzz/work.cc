#include "native/fuzz/work.h"

#include <cstring>

namespace untangle::fuzz {
namespace {

constexpr uint64_t kPlenty = uint64_t{1} << 62;

uint64_t times(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) || product > kPlenty ? kPlenty : product;
}

uint64_t plus(uint64_t a, uint64_t b) { return a + b > kPlenty ? kPlenty : a + b; }

template <typename T>
T as(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

uint64_t elements(const Program& program, uint32_t view) {
  if (view >= program.views.size()) return 0;
  uint64_t count = 1;
  for (uint32_t d = 0; d < 6; d++) count = times(count, (&program.views[view].dim0)[d]);
  return count;
}

/// Pixels times taps of all regions, each with one tap more for bias and epilogue.
uint64_t region_work(const Program& program, uint32_t first, uint32_t count) {
  uint64_t work = 0;
  for (const RegionRecord& region : program.regions.subspan(first, count)) {
    const uint64_t taps = times(region.tap_count, region.kc > 0 ? region.kc : 1) + 1;
    work = plus(work, times(times(region.count_y, region.count_x), taps));
  }
  return work;
}

template <typename Command>
uint64_t conv_work(const Program& program, const std::byte* at, uint64_t columns) {
  const auto command = as<Command>(at);
  const uint32_t* y = &program.views[command.y].dim0;
  return times(region_work(program, command.region_first, command.region_count),
               times(y[0], plus(y[3], columns)));
}

/// Every word that could be a view: for commands without scalars that repeat the work.
uint64_t view_work(const Program& program, const std::byte* at) {
  uint64_t work = 1;
  for (size_t word = 1; word < kCommandBytes / 4; word++) {
    work = plus(work, elements(program, as<uint32_t>(at + 4 * word)));
  }
  return work;
}

uint64_t command_work(const Program& program, const std::byte* at) {
  switch (as<Opcode>(at)) {
    case Opcode::kGemmTaps: {
      const auto command = as<GemmTapsCommand>(at);
      const uint64_t fused = times(command.fused_y, command.fused_x);
      const uint64_t columns =
          times(fused, program.views[command.y].dim3) + kPanel * command.groups;
      return conv_work<GemmTapsCommand>(program, at, columns);
    }
    case Opcode::kDepthwise:
      return conv_work<DepthwiseCommand>(program, at, 0);
    case Opcode::kPlanarTaps:
      return conv_work<PlanarTapsCommand>(program, at, 0);
    case Opcode::kElementwise: {
      const auto command = as<ElementwiseCommand>(at);
      return times(elements(program, command.y), command.op_count + 1);
    }
    case Opcode::kPool: {
      const auto command = as<PoolCommand>(at);
      return times(elements(program, command.y), times(command.kernel_y, command.kernel_x));
    }
    case Opcode::kResize: {
      const auto command = as<ResizeCommand>(at);
      return times(elements(program, command.y), times(command.taps_y + 1, command.taps_x + 1));
    }
    case Opcode::kMatmul: {
      const auto command = as<MatmulCommand>(at);
      return times(elements(program, command.y), program.views[command.a].dim2);
    }
    case Opcode::kLoad:
      return as<LoadCommand>(at).bytes / sizeof(float);
    default:
      return view_work(program, at);
  }
}

}  // namespace

uint64_t work_of(const Program& program) {
  uint64_t work = 0;
  for (size_t at = 0; at < program.commands.size(); at += kCommandBytes) {
    work = plus(work, command_work(program, program.commands.data() + at));
  }
  return work;
}

}  // namespace untangle::fuzz
