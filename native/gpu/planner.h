// What the functions that turn commands into launches share.

#pragma once

#include <bit>
#include <cstring>
#include <span>

#include "native/gpu/kernels/params.h"
#include "native/gpu/plan.h"
#include "native/program/collapse.h"

namespace untangle::gpu {

/// Regions of a command, and where kernels find them and the taps they name.
struct Regions {
  std::span<const RegionRecord> records;
  const RegionRecord* on_device;
  const TapRecord* taps;
};

/// A view on the device.
struct DeviceView : ResolvedView {
  bool is_half;

  Values values() const { return {data, is_half ? 1u : 0u}; }
};

class Planner {
 public:
  Planner(const Program& program, const DeviceInfo& device, Precision precision,
          const DeviceLayout& layout, const Bases& bases)
      : program_(program),
        device_(device),
        precision_(device.has_tensor_cores() ? precision : Precision::kF32),
        bases_(bases),
        users_(program.output_count + program.input_count),
        view_uses_(program.views.size(), ViewUse::kNone) {
    plan_.layout = layout;
  }

  void plan_commands();
  Plan& plan() { return plan_; }
  /// Whether a command needs more precision than halves have, of a value that the arena holds.
  bool needs_floats() const { return needs_floats_; }
  /// Whether all there is to an output or an input, by its slot from kSlotFirstOutput on, is that
  /// one command writes or reads each of its elements once.
  bool is_streamed(uint32_t slot) const;
  const std::vector<ViewUse>& view_uses() const { return view_uses_; }

 private:
  void plan_arrivals();
  void plan_command(const std::byte* command);

  // plan_conv.cc
  void plan_gemm_taps(const GemmTapsCommand& command);
  GemmTapsParams gemm_params(const GemmTapsCommand& command);
  /// Maps, bias and activation, which every convolution has.
  template <typename Params, typename Command>
  void set_operands(const Command& command, Params& params) {
    params.x = map(command.x);
    params.y = map(command.y);
    params.residual = map(command.residual_view);
    params.bias = flat(command.bias_view);
    params.activation = activation(command);
  }
  void plan_tiles(const Regions& regions, GemmTapsParams& params);
  void plan_planar_taps(const PlanarTapsCommand& command);
  void plan_depthwise(const DepthwiseCommand& command);

  // plan_winograd.cc
  void plan_winograd(const WinogradCommand& command);

  // plan_sweep.cc
  bool can_sweep(const GemmTapsCommand& command, const GemmTapsParams& params);
  bool reads_elsewhere(uint32_t weights_view) const;
  void plan_sweep(const GemmTapsCommand& command, GemmTapsParams& params);
  void sweep_tap(const GemmTapsParams& params, const RegionRecord& region, const TapRecord& tap);

  // plan_patches.cc
  bool gathers_patches(const GemmTapsCommand& command, const GemmTapsParams& params) const;
  void plan_patches(const GemmTapsCommand& command, GemmTapsParams& params);
  void patch_products(const GemmTapsParams& params, const RegionRecord& region,
                      const float* patches, float* sums);

  // plan_ops.cc
  void plan_elementwise(const ElementwiseCommand& command);
  void plan_copy(const CopyCommand& command);
  void plan_fill(const FillCommand& command);
  void plan_pool(const PoolCommand& command);
  void plan_reduce(const ReduceCommand& command);
  void plan_arg_reduce(const ArgReduceCommand& command);
  void plan_cumulative(const CumulativeCommand& command);
  AxisParams axis_params(uint32_t x, uint32_t y);
  void plan_softmax(const SoftmaxCommand& command);
  void plan_normalize(const NormalizeCommand& command);
  void plan_resize(const ResizeCommand& command);
  void plan_matmul(const MatmulCommand& command);
  void plan_gather(const GatherCommand& command);
  void plan_gather_indexed(const GatherIndexedCommand& command);
  void plan_scatter_indexed(const ScatterIndexedCommand& command);
  void plan_grid_sample(const GridSampleCommand& command);

  /// Indices of a table: `loops` has the dims that `table` and `indices` begin with.
  struct IndexedViews {
    uint32_t loops, table, indices;
  };
  IndexedParams indexed(const IndexedViews& views, bool in_order);

  // planner.cc
  template <typename T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(bases_.memory + offset);
  }
  DeviceView resolve(uint32_t view);
  /// The same for an operand of products, which may be halves where it is constant.
  DeviceView operand(uint32_t view);
  DeviceView resolve_as(uint32_t view, ViewUse use);
  DevicePointer address(const ViewRecord& view);
  /// Whether a view lies where an arena of halves, and inputs brought there, would be.
  bool is_in_arena(const ViewRecord& view) const;
  /// Notes that halves would not do for a view.
  void keep_floats(uint32_t view);
  /// A block of the arena that has to hold floats, whatever the rest does.
  float* float_scratch(uint32_t view);
  /// Where an output or an input begins.
  DevicePointer port_address(uint32_t slot);
  /// The first element of a flat view of floats, or null.
  const float* flat(uint32_t view);
  /// A view of four dims, or none.
  Map map(uint32_t view);
  template <typename Command>
  ActivationParams activation(const Command& command) {
    return {command.activation, std::bit_cast<float>(command.alpha_bits),
            std::bit_cast<float>(command.beta_bits), flat(command.slope_view)};
  }
  Regions regions_of(uint32_t first, uint32_t count) const;
  /// Regions with the blocks that `blocks_of` says each has; sets their sum.
  template <typename BlocksOf>
  RegionTable region_table(const Regions& regions, uint32_t& blocks, BlocksOf&& blocks_of);
  /// The same with a thread for each of the elements that `elements_of` says a region has.
  template <typename ElementsOf>
  RegionTable element_table(const Regions& regions, uint32_t& blocks, ElementsOf&& elements_of);
  /// The same with a thread for each output.
  RegionTable output_table(const Regions& regions, const Map& y, uint32_t& blocks);
  /// Where records that the plan itself makes will lie on the device.
  template <typename Record>
  const Record* table_of(std::span<const Record> records);
  float* scratch(size_t floats);

  /// Throws NoKernel when a launch cannot have so many blocks.
  void check_grid(uint64_t blocks) const;
  template <typename Params>
  void launch(Kernel kernel, const Params& params, uint64_t grid_x, uint32_t grid_y = 1);
  /// A launch of one thread per element, or less: kernels go on to the elements that are left.
  template <typename Params>
  void launch_over(Kernel kernel, const Params& params, uint64_t elements);

  const Program& program_;
  const DeviceInfo& device_;
  const Precision precision_;
  const Bases bases_;
  uint32_t command_ = 0;
  /// Commands that touch an output or an input, and the last of them.
  struct Users {
    uint32_t count = 0;
    uint32_t last = 0;
  };
  std::vector<Users> users_;  // by slot
  std::vector<ViewUse> view_uses_;
  bool needs_floats_ = false;
  Plan plan_;
};

inline uint32_t pixel_count(const RegionRecord& region, const Map& y) {
  return static_cast<uint32_t>(y.n) * region.count_y * region.count_x;
}

/// Whether a region asks for products tap by tap.
inline bool is_swept(const RegionRecord& region) { return (region.flags & kRegionPerTap) != 0; }

/// A loop nest over views as kernels take it.
Nest make_nest(const LoopNest& nest, std::span<const DeviceView> views);

/// collapse() of views on the device.
LoopNest collapse(std::span<const DeviceView> views);
LoopNest collapse(std::span<const DeviceView> views, size_t first, size_t end);

template <typename Params>
void Planner::launch(Kernel kernel, const Params& params, uint64_t grid_x, uint32_t grid_y) {
  static_assert(alignof(Params) <= alignof(std::max_align_t));
  if (grid_x == 0) return;
  check_grid(grid_x);
  constexpr size_t kStep = alignof(std::max_align_t);
  const size_t offset = plan_.parameters.size();
  plan_.parameters.resize(offset + (sizeof(Params) + kStep - 1) / kStep * kStep);
  std::memcpy(plan_.parameters.data() + offset, &params, sizeof(Params));
  plan_.steps.emplace_back(
      Launch{kernel, static_cast<uint32_t>(grid_x), grid_y, static_cast<uint32_t>(offset)});
}

template <typename Params>
void Planner::launch_over(Kernel kernel, const Params& params, uint64_t elements) {
  // Enough blocks to fill the device several times over; each then does some more.
  constexpr uint64_t kBlocksEach = 32;
  const uint64_t blocks = (elements + kThreads - 1) / kThreads;
  const uint64_t most = kBlocksEach * device_.multiprocessors;
  launch(kernel, params, blocks < most ? blocks : most);
}

inline Regions Planner::regions_of(uint32_t first, uint32_t count) const {
  return {program_.regions.subspan(first, count),
          at<const RegionRecord>(plan_.layout.regions) + first,
          at<const TapRecord>(plan_.layout.taps)};
}

template <typename BlocksOf>
RegionTable Planner::region_table(const Regions& regions, uint32_t& blocks, BlocksOf&& blocks_of) {
  const size_t starts = plan_.tables.size();
  uint64_t sum = 0;
  for (const RegionRecord& region : regions.records) {
    plan_.tables.push_back(static_cast<uint32_t>(sum));
    sum += blocks_of(region);
    check_grid(sum);
  }
  blocks = static_cast<uint32_t>(sum);
  plan_.tables.push_back(blocks);
  return {regions.on_device, regions.taps, at<const uint32_t>(plan_.layout.tables) + starts,
          static_cast<uint32_t>(regions.records.size())};
}

template <typename ElementsOf>
RegionTable Planner::element_table(const Regions& regions, uint32_t& blocks,
                                   ElementsOf&& elements_of) {
  return region_table(regions, blocks, [&](const RegionRecord& region) {
    return (elements_of(region) + kThreads - 1) / kThreads;
  });
}

inline RegionTable Planner::output_table(const Regions& regions, const Map& y, uint32_t& blocks) {
  return element_table(regions, blocks, [&](const RegionRecord& region) {
    return uint64_t{pixel_count(region, y)} * static_cast<uint32_t>(y.channels);
  });
}

template <typename Record>
const Record* Planner::table_of(std::span<const Record> records) {
  static_assert(alignof(Record) <= alignof(uint32_t) && sizeof(Record) % sizeof(uint32_t) == 0);
  const size_t start = plan_.tables.size();
  plan_.tables.resize(start + records.size_bytes() / sizeof(uint32_t));
  std::memcpy(plan_.tables.data() + start, records.data(), records.size_bytes());
  return reinterpret_cast<const Record*>(at<const uint32_t>(plan_.layout.tables) + start);
}

}  // namespace untangle::gpu
