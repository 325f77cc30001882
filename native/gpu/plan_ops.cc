// Every command but the convolutions as launches.

#include <algorithm>

#include "native/gpu/planner.h"

namespace untangle::gpu {

namespace {

uint32_t divided_up(uint64_t value, uint64_t by) {
  return static_cast<uint32_t>((value + by - 1) / by);
}

uint64_t element_count(const Map& map) {
  return uint64_t{1} * static_cast<uint32_t>(map.n) * static_cast<uint32_t>(map.height) *
         static_cast<uint32_t>(map.width) * static_cast<uint32_t>(map.channels);
}

// Sides of a transpose below which its tiles would be mostly empty.
constexpr size_t kFewestTransposed = 8;

/// Brings the dim along which x is contiguous next to y's innermost, where that makes a transpose.
bool make_transpose(LoopNest& nest) {
  enum View : size_t { kY, kX };
  const size_t last = nest.rank - 1;
  if (nest.rank < 2 || nest.strides[kY][last] != 1 || nest.strides[kX][last] == 1) return false;
  for (size_t d = 0; d < last; d++) {
    if (nest.strides[kX][d] != 1) continue;
    if (nest.dims[d] < kFewestTransposed || nest.dims[last] < kFewestTransposed) return false;
    nest.move_dim(d, last - 1);
    return true;
  }
  return false;
}

// Threads of a reduction worth having for each multiprocessor.
constexpr uint64_t kReduceThreads = 1024;
// Outputs that stay neighbours in a block, so that their elements are read in whole lines.
constexpr uint32_t kNeighbours = 32;

/// Threads that share an output.
uint32_t choose_lanes(uint64_t outputs, uint64_t elements, bool neighbours, uint32_t processors) {
  const uint32_t most = neighbours ? kThreads / kNeighbours : kThreads;
  uint32_t lanes = 1;
  while (lanes < most && lanes < elements && outputs * lanes < kReduceThreads * processors)
    lanes *= 2;
  return lanes;
}

// Whole numbers up to this one are halves.
constexpr uint32_t kWholeHalves = 2048;

// Rows of softmax up to this length are one thread's.
constexpr uint32_t kShortRow = 32;

PoolAxis pool_axis(int32_t size, uint32_t kernel, uint32_t stride, uint32_t dilation,
                   uint32_t pad_begin, uint32_t pad_end) {
  const auto word = [](uint32_t value) { return static_cast<int32_t>(value); };
  return {size, word(kernel), word(stride), word(dilation), word(pad_begin), word(pad_end)};
}

void copy_strides(const ResolvedView& view, std::span<int32_t> strides) {
  std::copy_n(view.strides, strides.size(), strides.begin());
}

}  // namespace

void Planner::plan_elementwise(const ElementwiseCommand& command) {
  std::vector<DeviceView> views = {resolve(command.y)};
  for (uint32_t i = 0; i < command.input_count; i++) views.push_back(resolve((&command.in0)[i]));
  ElementwiseParams params{};
  params.nest = make_nest(collapse(views), views);
  params.ops = at<const OpRecord>(plan_.layout.ops) + command.op_first;
  params.inputs = command.input_count;
  params.op_count = command.op_count;
  launch_over(Kernel::elementwise, params, params.nest.count);
}

void Planner::plan_copy(const CopyCommand& command) {
  const DeviceView views[] = {resolve(command.y), resolve(command.x)};
  LoopNest nest = collapse(views);
  const bool transposes = make_transpose(nest);
  const CopyParams params{make_nest(nest, views)};
  if (!transposes) return launch_over(Kernel::copy, params, params.nest.count);
  const size_t last = nest.rank - 1;
  const uint64_t tiles = uint64_t{divided_up(nest.dims[last - 1], kTransposeTile)} *
                         divided_up(nest.dims[last], kTransposeTile);
  launch(Kernel::transpose, params, tiles * nest.count(last - 1));
}

void Planner::plan_fill(const FillCommand& command) {
  const DeviceView y = resolve(command.y);
  const FillParams params{make_nest(collapse({&y, 1}), {&y, 1}),
                          std::bit_cast<float>(command.value_bits)};
  launch_over(Kernel::fill, params, params.nest.count);
}

void Planner::plan_pool(const PoolCommand& command) {
  PoolParams params{};
  params.x = map(command.x);
  params.y = map(command.y);
  params.rows = pool_axis(params.x.height, command.kernel_y, command.stride_y, command.dilation_y,
                          command.pad_top, command.pad_bottom);
  params.columns = pool_axis(params.x.width, command.kernel_x, command.stride_x, command.dilation_x,
                             command.pad_left, command.pad_right);
  params.fn = command.fn;
  params.count_include_pad = command.count_include_pad;
  launch_over(Kernel::pool, params, element_count(params.y));
}

void Planner::plan_reduce(const ReduceCommand& command) {
  const DeviceView x = resolve(command.x);
  const DeviceView y = resolve(command.y);
  const DeviceView both[] = {y, x};
  const LoopNest kept = collapse(both);
  const LoopNest reduced = collapse({&x, 1}, y.rank, x.rank);
  ReduceParams params{};
  params.kept = make_nest(kept, both);
  params.reduced = make_nest(reduced, {&x, 1});
  params.fn = command.fn;
  const bool neighbours = kept.strides[1][kept.rank - 1] == 1 && kept.dims[kept.rank - 1] > 1 &&
                          reduced.strides[0][reduced.rank - 1] != 1;
  params.neighbours = neighbours ? 1 : 0;
  params.lanes =
      choose_lanes(params.kept.count, params.reduced.count, neighbours, device_.multiprocessors);
  launch(Kernel::reduce, params, divided_up(params.kept.count, kThreads / params.lanes));
}

void Planner::plan_arg_reduce(const ArgReduceCommand& command) {
  const DeviceView x = resolve(command.x);
  const DeviceView y = resolve(command.y);
  const DeviceView both[] = {y, x};
  AxisParams params{};
  params.kept = make_nest(collapse(both, 0, y.rank), both);
  params.count = x.dims[y.rank];
  if (params.count > kWholeHalves) keep_floats(command.y);
  params.x_step = x.strides[y.rank];
  params.fn = command.fn;
  params.flag = command.last;
  launch_over(Kernel::arg_reduce, params, params.kept.count);
}

/// Along the last dim of both views.
AxisParams Planner::axis_params(uint32_t x, uint32_t y) {
  const DeviceView views[] = {resolve(y), resolve(x)};
  const uint32_t last = views[0].rank - 1;
  AxisParams params{};
  params.kept = make_nest(collapse(views, 0, last), views);
  params.count = views[0].dims[last];
  params.x_step = views[1].strides[last];
  params.y_step = views[0].strides[last];
  return params;
}

void Planner::plan_cumulative(const CumulativeCommand& command) {
  AxisParams params = axis_params(command.x, command.y);
  params.fn = command.fn;
  params.flag = command.exclusive;
  launch_over(Kernel::cumulative, params, params.kept.count);
}

void Planner::plan_softmax(const SoftmaxCommand& command) {
  AxisParams params = axis_params(command.x, command.y);
  params.flag = command.log;
  if (params.count <= kShortRow) {
    return launch_over(Kernel::softmax_short, params, params.kept.count);
  }
  launch(Kernel::softmax, params, params.kept.count);
}

void Planner::plan_normalize(const NormalizeCommand& command) {
  NormalizeParams params{};
  params.x = map(command.x);
  params.y = map(command.y);
  params.residual = map(command.residual_view);
  params.scale = flat(command.scale_view);
  params.shift = flat(command.bias_view);
  params.scratch = float_scratch(command.scratch_view);
  params.epsilon = std::bit_cast<float>(command.epsilon_bits);
  params.activation = activation(command);
  params.row = command.row;
  params.rows = command.rows;
  const auto part = static_cast<NormalizePart>(command.part);
  const auto channels = static_cast<uint32_t>(params.x.channels);
  const auto images = static_cast<uint32_t>(params.x.n);
  if (part != NormalizePart::kApply) {
    launch(Kernel::normalize_moments, params,
           uint64_t{divided_up(channels, kMomentChannels)} * kNormalizeChunks * images);
  }
  if (part == NormalizePart::kMoments) return;
  launch(Kernel::normalize_merge, params, divided_up(uint64_t{images} * channels, kThreads));
  launch_over(Kernel::normalize_apply, params, element_count(params.y));
}

void Planner::plan_resize(const ResizeCommand& command) {
  const auto axis = [&](uint32_t taps, uint32_t index_first, uint32_t weights) {
    return ResizeAxis{taps, at<const int32_t>(plan_.layout.indices) + index_first,
                      taps == 0 ? nullptr : flat(weights)};
  };
  const ResizeParams params{map(command.x), map(command.y),
                            axis(command.taps_y, command.index_y_first, command.weights_y_view),
                            axis(command.taps_x, command.index_x_first, command.weights_x_view)};
  launch_over(Kernel::resize, params, element_count(params.y));
}

void Planner::plan_matmul(const MatmulCommand& command) {
  const DeviceView a = operand(command.a);
  const DeviceView b = operand(command.b);
  const DeviceView y = resolve(command.y);
  MatmulParams params{};
  params.a = a.values();
  params.b = b.values();
  params.y = y.values();
  params.batch = y.dims[0];
  params.m = y.dims[1];
  params.n = y.dims[2];
  params.k = a.dims[2];
  copy_strides(a, params.a_strides);
  copy_strides(b, params.b_strides);
  copy_strides(y, params.y_strides);
  launch(Kernel::matmul, params,
         uint64_t{divided_up(params.m, kMatmulTile)} * divided_up(params.n, kMatmulTile) *
             params.batch);
}

void Planner::plan_gather(const GatherCommand& command) {
  const DeviceView x = resolve(command.x);
  const DeviceView y = resolve(command.y);
  GatherParams params{};
  params.x = x.values();
  params.y = y.values();
  params.indices = at<const int32_t>(plan_.layout.indices) + command.index_first;
  std::copy_n(y.dims, 3, params.dims);
  copy_strides(x, params.x_strides);
  copy_strides(y, params.y_strides);
  launch_over(Kernel::gather, params, elements(y));
}

IndexedParams Planner::indexed(const IndexedViews& views, bool in_order) {
  keep_floats(views.indices);
  const DeviceView all[] = {resolve(views.loops), resolve(views.table), resolve(views.indices)};
  const auto& [loops, table, indices] = all;
  LoopNest nest{};
  if (in_order) {
    nest.rank = loops.rank;
    for (uint32_t d = 0; d < loops.rank; d++) {
      nest.dims[d] = loops.dims[d];
      for (size_t v = 0; v < std::size(all); v++) nest.strides[v][d] = all[v].strides[d];
    }
  } else {
    nest = collapse(all, 0, loops.rank);
  }
  IndexedParams params{};
  params.loops = make_nest(nest, all);
  params.axes = table.rank - loops.rank;
  for (uint32_t axis = 0; axis < params.axes; axis++) {
    params.axis_dims[axis] = table.dims[loops.rank + axis];
    params.axis_strides[axis] = table.strides[loops.rank + axis];
  }
  params.index_step = indices.strides[loops.rank];
  params.command = command_;
  params.fault = at<FaultRecord>(plan_.layout.fault.device);
  plan_.has_indices = true;
  return params;
}

void Planner::plan_gather_indexed(const GatherIndexedCommand& command) {
  const IndexedParams params = indexed({command.y, command.x, command.indices}, false);
  launch_over(Kernel::gather_indexed, params, params.loops.count);
  launch(Kernel::indexed_fault, params, 1);
}

void Planner::plan_scatter_indexed(const ScatterIndexedCommand& command) {
  IndexedParams params = indexed({command.x, command.y, command.indices}, true);
  params.fn = command.fn;
  // Every thread walks all updates: more blocks than processors only repeat that.
  const uint64_t threads =
      std::min<uint64_t>(params.loops.count, kThreads * device_.multiprocessors);
  launch(Kernel::scatter_indexed, params, divided_up(threads, kThreads));
  launch(Kernel::indexed_fault, params, 1);
}

void Planner::plan_grid_sample(const GridSampleCommand& command) {
  keep_floats(command.grid_view);
  const DeviceView x = resolve(command.x);
  const DeviceView y = resolve(command.y);
  const DeviceView grid = resolve(command.grid_view);
  GridSampleParams params{};
  params.x = x.values();
  params.grid = grid.values();
  params.y = y.values();
  std::copy_n(y.dims, 5, params.dims);
  copy_strides(x, params.x_strides);
  copy_strides(grid, params.grid_strides);
  copy_strides(y, params.y_strides);
  for (size_t axis = 0; axis < 3; axis++)
    params.sizes[axis] = static_cast<int32_t>(x.dims[1 + axis]);
  params.coordinates = grid.dims[4];
  params.mode = command.mode;
  params.padding = command.padding;
  params.align_corners = command.align_corners;
  launch_over(Kernel::grid_sample, params, elements(y));
}

}  // namespace untangle::gpu
