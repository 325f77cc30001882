// The second, structural check of a program: can executing it touch foreign memory?
//
// Nothing is trusted, not even files this package wrote. Values are not checked (a wrong weight
// gives a wrong picture), nor is the order of commands; addresses are. Sizes are computed in 64
// bits.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "native/program/tables.h"

namespace untangle {

/// Checks every table of a parsed program; returns a sentence when something is wrong. Fills
/// `input_commands`.
std::optional<std::string> validate_program(Program& program);

/// The checks of one command, split over validate_*.cc. The first failure is kept.
///
/// Every check returns whether it passed and assumes the checks before it did: chain them with &&.
class Validator {
 public:
  explicit Validator(const Program& program) : program_(program) {}

  bool bindings();
  bool views();
  bool commands();
  const std::string& problem() const { return problem_; }
  /// The commands so far up to the last that reads an input.
  uint32_t input_commands() const { return input_commands_; }
  /// For each command, how many loads have to be complete before it; empty when there are none.
  std::vector<uint32_t> take_awaited() { return std::move(awaited_); }

 private:
  bool command(const std::byte* at);

  // validate_conv.cc
  bool gemm_taps(const GemmTapsCommand& command);
  bool depthwise(const DepthwiseCommand& command);
  bool planar_taps(const PlanarTapsCommand& command);
  bool planar_window(const PlanarTapsCommand& command);
  /// What the regions of one command have in common.
  struct Sweep {
    const uint32_t* x;         // [N, H, W, Cin]
    const int32_t* x_strides;  // of the same
    const uint32_t* y;         // [N, OH, OW, Cout]
    uint64_t k_total;          // rows of the packed weights
    uint32_t groups;
    uint32_t fused_y;
    uint32_t fused_x;
    bool depthwise;
  };
  bool regions(uint32_t first, uint32_t count, const Sweep& sweep);
  bool region(const RegionRecord& region, const Sweep& sweep);
  bool region_taps(const RegionRecord& region, const Sweep& sweep);
  bool tap_reads(const RegionRecord& region, const TapRecord& tap, const Sweep& sweep);

  // validate_winograd.cc
  bool winograd(const WinogradCommand& command);
  bool winograd_windows(const WinogradCommand& command);
  bool winograd_memory(const WinogradCommand& command);

  // validate_ops.cc
  bool elementwise(const ElementwiseCommand& command);
  bool copy(const CopyCommand& command);
  bool fill(const FillCommand& command);
  bool widen(const WidenCommand& command);
  bool pool(const PoolCommand& command);
  bool reduce(const ReduceCommand& command);
  bool arg_reduce(const ArgReduceCommand& command);
  bool cumulative(const CumulativeCommand& command);
  bool normalize(const NormalizeCommand& command);
  bool softmax(const SoftmaxCommand& command);
  bool resize(const ResizeCommand& command);
  bool resize_axis(uint32_t taps, uint32_t index_first, uint32_t weights, uint32_t in,
                   uint32_t out);
  bool matmul(const MatmulCommand& command);
  bool gather(const GatherCommand& command);
  bool gather_indexed(const GatherIndexedCommand& command);
  bool scatter_indexed(const ScatterIndexedCommand& command);
  /// `table` has the dims of `loops`, then axes to index; `indices` those of `loops`, then one
  /// entry per axis. Indices are checked by the executor: they lead nowhere but into the table.
  bool indexed(uint32_t table, uint32_t loops, uint32_t indices);
  bool grid_sample(const GridSampleCommand& command);  // validate_grid.cc
  bool load(const LoadCommand& command);               // validate_load.cc
  /// Notes the loads that the command under check has to wait for because it touches what they
  /// fill.
  void await_loads(const ViewRecord& view);
  bool chain_op(const OpRecord& op, uint32_t operands);

  // validate.cc: pieces for all of them
  bool require(bool ok, const char* message);
  bool fail(std::string message);
  bool view(const ViewRecord& view, uint32_t index);
  /// The view exists, and its elements are f32.
  bool readable(uint32_t index);
  /// The view exists.
  bool exists(uint32_t index);
  /// The view exists, is not constant and no two of its elements share an address.
  bool writable(uint32_t index);
  bool optional_readable(uint32_t index) { return index == kNone || readable(index); }
  bool rank(uint32_t index, uint32_t rank);
  bool same_shape(uint32_t left, uint32_t right);
  bool unit_stride(uint32_t index, uint32_t dim);
  /// A contiguous list of exactly `elements`.
  bool flat(uint32_t index, uint64_t elements);
  /// A flat view of packed weights of any type; the sizes' product has been checked.
  bool packed(uint32_t index, uint64_t panels, uint64_t rows, uint64_t width);
  bool optional_flat(uint32_t index, uint64_t elements) {
    return index == kNone || (readable(index) && flat(index, elements));
  }
  /// `count` indices from `first`, each in [0, limit).
  bool indices(uint32_t first, uint64_t count, uint32_t limit);
  /// Activation, slope and residual of an epilogue; slopes are `slopes` long.
  bool epilogue(uint32_t activation, uint32_t residual, uint32_t slope, uint32_t y,
                uint64_t slopes);

  const uint32_t* dims(uint32_t index) const { return &program_.views[index].dim0; }
  const int32_t* strides(uint32_t index) const { return &program_.views[index].stride0; }
  /// Elements of a view; views() bounds the product.
  uint64_t elements(uint32_t index) const {
    uint64_t product = 1;
    for (uint32_t d = 0; d < 6; d++) product *= dims(index)[d];
    return product;
  }
  uint64_t slot_bytes(uint32_t slot) const;

  const Program& program_;
  std::string problem_;
  uint32_t command_index_ = 0;
  const char* command_name_ = nullptr;
  uint32_t input_commands_ = 0;
  uint64_t regions_used_ = 0;  // by the commands so far: no region belongs to two
  uint64_t tap_checks_ = 0;
  uint32_t loads_ = 0;               // so far
  LoadCommand recent_[kMaxLoads]{};  // those that may be under way; load i is at i % kMaxLoads
  std::vector<uint32_t> awaited_;
};

}  // namespace untangle
