// What the kernels are launched with: plain data that host and device see alike.
//
// Pointers are device addresses. Views reach less than 2^30 elements (program/validate.cc), so that
// 32 bits hold every offset. Device code keeps to C++14: boards compile it with CUDA 10.2.

#pragma once

#include <cstdint>

#include "native/program/format.h"

namespace untangle {
namespace gpu {

/// Threads of a block, for every kernel that does not say otherwise.
constexpr uint32_t kThreads = 256;

/// Sides of the tiles that blocks of some kernels make; the host works out grids from them.
constexpr uint32_t kTransposeTile = 32;
constexpr uint32_t kMatmulTile = 64;
constexpr uint32_t kMomentChannels = 32;
/// Rows of the sum between two waits of a block of gemmTaps.
constexpr uint32_t kStepDepth = 16;

/// Elements as they lie: floats, or halves.
struct Values {
  void* first;  // null where there are none
  uint32_t is_half;
};

/// y first, then up to six operands.
constexpr uint32_t kNestViews = 7;
constexpr uint32_t kNestRank = 6;

/// Loops over views of one shape, the innermost last: cpu/collapse.h.
struct Nest {
  uint32_t rank;
  uint32_t count;  // elements
  uint32_t dims[kNestRank];
  int32_t strides[kNestViews][kNestRank];
  Values values[kNestViews];
};

/// A map [N, H, W, C], any strides.
struct Map {
  Values values;
  int32_t n, height, width, channels;
  int32_t stride_n, stride_y, stride_x, stride_c;
};

struct ActivationParams {
  uint32_t fn;
  float alpha, beta;
  const float* slope;  // prelu's, by column of the bias
};

/// The regions of a convolution; blocks of threads are dealt out to them in order.
struct RegionTable {
  const RegionRecord* regions;
  const TapRecord* taps;
  const uint32_t* starts;  // [count + 1]: first block of each region, then their sum
  uint32_t count;
};

/// gemmTaps. A block makes a tile of rows (pixels of a region) by columns (of a group).
struct GemmTapsParams {
  Map x, y, residual;
  Values weights;     // [groups][panels][k_total][kPanel]
  const float* bias;  // [groups][panels * kPanel], or null
  ActivationParams activation;
  RegionTable table;
  uint32_t k_total, groups, panels, columns;
  uint32_t group_inputs, group_outputs, fused_y, fused_x;
  uint32_t vectors;  // x may be read four channels at a time
  uint32_t splits;   // parts of the taps and channels, each with blocks of its own
  uint32_t blocks;   // of one split
  float* partial;    // [splits][blocks][rows * columns of a tile], unless splits is 1; patches.cu
                     // has matrices of its own here
};

struct DepthwiseParams {
  Map x, y, residual;
  const float* weights;  // [k][channels]
  const float* bias;     // [channels], or null
  ActivationParams activation;
  RegionTable table;
};

/// A thread makes one output; maps of any strides.
struct PlanarTapsParams {
  Map x, y, residual;
  const float* weights;  // [panels][k_total][rows]
  const float* bias;     // [channels], or null
  ActivationParams activation;
  RegionTable table;
  uint32_t k_total, rows;
};

/// Columns [N][H][W][groups][taps][outputs of a group] summed to y [N][OH][OW][channels].
struct Col2imParams {
  const float* columns;
  const float* bias;  // [channels]
  float* y;
  ActivationParams activation;
  uint32_t batch, height, width, out_height, out_width;
  uint32_t groups, group_outputs, kernel, stride, dilation, pad;
};

struct ElementwiseParams {
  Nest nest;
  const OpRecord* ops;
  uint32_t inputs, op_count;
};

/// y = x. `transpose` has x's innermost dim next to y's.
struct CopyParams {
  Nest nest;
};

struct FillParams {
  Nest nest;
  float value;
};

struct PoolAxis {
  int32_t size, kernel, stride, dilation, pad_begin, pad_end;
};

struct PoolParams {
  Map x, y;
  PoolAxis rows, columns;
  uint32_t fn, count_include_pad;
};

/// Views over the kept dims (y, x), and x over the reduced ones.
struct ReduceParams {
  Nest kept, reduced;
  uint32_t fn;
  uint32_t lanes;       // threads that share an output: a power of two
  uint32_t neighbours;  // neighbouring threads have neighbouring outputs, not elements
};

/// Kept dims (y, x); the axis is walked by one thread.
struct AxisParams {
  Nest kept;
  uint32_t count;
  int32_t x_step, y_step;
  uint32_t fn;
  uint32_t flag;  // argReduce: the last of equals; cumulative: exclusive; softmax: logarithm
};

struct NormalizeParams {
  Map x, y, residual;
  const float* scale;  // null: 1
  const float* shift;  // null: 0
  float* scratch;      // [2 * kNormalizeChunks + 2][N][C]: chunk means, chunk m2, mean, factor
  float epsilon;
  ActivationParams activation;
  uint32_t row, rows;  // the first row of x in the whole map, and the rows of that
};

struct ResizeAxis {
  uint32_t taps;
  const int32_t* indices;
  const float* weights;
};

struct ResizeParams {
  Map x, y;
  ResizeAxis rows, columns;
};

struct MatmulParams {
  Values a, b, y;
  uint32_t batch, m, n, k;
  int32_t a_strides[3], b_strides[3], y_strides[3];
};

struct GatherParams {
  Values x, y;
  const int32_t* indices;
  uint32_t dims[3];
  int32_t x_strides[3], y_strides[3];
};

/// Where an index computed by the run leads outside its axis. All bits set: nowhere.
struct FaultRecord {
  uint64_t first;  // command in the upper half, element in the lower
  float value;     // of the index
  uint32_t size;   // of the axis
};

/// gatherIndexed and scatterIndexed: `loops` over the elements, in their order; then the axes.
struct IndexedParams {
  Nest loops;  // views: loops (y or the updates), table, indices
  uint32_t axes;
  uint32_t axis_dims[kNestRank];
  int32_t axis_strides[kNestRank];
  int32_t index_step;
  uint32_t fn;
  uint32_t command;
  FaultRecord* fault;
};

/// x [N, D, H, W, C] read at grid [N, OD, OH, OW, 2 or 3].
struct GridSampleParams {
  Values x, grid, y;
  uint32_t dims[5];  // of y
  int32_t x_strides[5], grid_strides[5], y_strides[5];
  int32_t sizes[3];  // of x: depth, height, width
  uint32_t coordinates, mode, padding, align_corners;
};

}  // namespace gpu
}  // namespace untangle
