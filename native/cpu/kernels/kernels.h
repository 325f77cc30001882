// The micro-kernels of one instruction set, as a struct of function pointers.
//
// Every kernels_<isa>.cc compiles the same bodies with its own flags. Sizes are elements. Kernels
// do not allocate, start no threads and read and write nothing outside the blocks named here; any
// alignment will do.

#pragma once

#include <cstddef>
#include <cstdint>

#include "native/cpu/kernels/op_kernels.h"
#include "native/program/format.h"

namespace untangle {

inline constexpr size_t kMaxTileRows = 12;
inline constexpr size_t kMaxTilePanels = 2;
inline constexpr size_t kMaxTileColumns = kMaxTilePanels * kPanel;
inline constexpr size_t kMaxPlanarVectors = 4;

/// What becomes of sums before they are stored, while they are in registers.
struct Finish {
  enum Kind : uint32_t { kNone, kClamp, kSlope, kSlopes };
  Kind kind = kNone;
  float low = 0;   // kClamp: [low, high]; kSlope: what negative sums are multiplied by
  float high = 0;  // kClamp
  const float* slopes = nullptr;  // kSlopes: the same for each column, as long as the bias
};

/// The bits of a number of half precision.
using Half = uint16_t;

/// Weights of the first panel that are wanted next: some of their bytes are asked for with every
/// row of the weights at hand, so that memory is read while products are computed. Any place will
/// do.
struct Ahead {
  uintptr_t place = 0;  // 0: the weights at hand, some rows later
  size_t step = 0;      // bytes a row
};

/// C[mr x columns] = finish((accumulate ? C : 0) + bias + scales * sum over taps of A_tap[mr x kc]
/// . W_tap[kc x columns]); weights of other types than int8 have no scales.
struct GemmTile {
  const float* const* rows;  // [taps][mr]: kc floats each
  const uint32_t* tap_k;     // [taps]: first k row of the tap in a panel
  size_t taps;               // may be 0
  size_t kc;                 // >= 1 unless taps is 0
  const void* weights;       // [k][16] of the first panel, of the kernel's type
  size_t panel_stride;       // weights from a panel to its right neighbour
  const float* bias;         // whole panels; null: none
  float* const* c;           // [mr]: `columns` floats each, never aliasing rows or weights
  size_t columns;            // 1 .. panels * 16; weights and bias are zero-padded to whole panels
  bool accumulate;
  Finish finish;                  // its slopes are zero-padded as the bias is
  const float* scales = nullptr;  // int8: [16] of the first panel, those of others with their panel
  Ahead ahead = {};
};
using GemmF32 = void (*)(const GemmTile& tile);

/// The same of rows that lie evenly apart in A and in C, for a number of tiles one after the other.
struct GemmRun {
  const float* const* x;  // [taps]: row 0 of A begins x_first floats later, kc floats
  ptrdiff_t x_first;
  ptrdiff_t x_step;  // from a row of A to the next
  const uint32_t* tap_k;
  size_t taps;
  size_t kc;
  const void* weights;
  size_t panel_stride;
  const float* bias;
  float* c;  // row 0 of C
  ptrdiff_t c_step;
  size_t columns;
  bool accumulate;
  Finish finish;
  const float* scales = nullptr;
  Ahead ahead = {};
};
using GemmRunF32 = void (*)(const GemmRun& run, size_t tiles);

/// y[pixels x channels] = finish((accumulate ? y : 0) + bias + sum over taps of x_tap[pixels x
/// channels] * w_tap[channels]), for pixels that lie evenly apart in x and in y.
struct DepthwiseRow {
  const float* const* x;        // [taps]: `channels` floats of pixel 0
  ptrdiff_t x_step;             // from a pixel to the next
  const float* const* weights;  // [taps]: `channels` floats each
  size_t taps;                  // may be 0
  const float* bias;            // [channels]; null: none
  float* y;                     // of pixel 0, never aliasing x or weights
  ptrdiff_t y_step;
  size_t first;  // pixels [first, last) are computed
  size_t last;
  size_t channels;
  bool accumulate;
  Finish finish;
};
using DepthwiseF32 = void (*)(const DepthwiseRow& row);

/// C[rows x pixels] = (accumulate ? C : 0) + bias + sum over taps of W_tap[rows x kc] . x_tap[kc x
/// pixels], for output channels as rows and pixels in the lanes.
struct PlanarTile {
  const float* const* x;  // [taps]: a row of pixels, `x_first` floats later
  size_t x_first;
  size_t first;                 // the tile's first pixel
  size_t x_stride;              // from a channel to the next
  const float* const* weights;  // [taps]: [kc][rows], after `weight_first` floats
  size_t weight_first;
  size_t weight_stride;  // from a row of k to the next
  size_t taps;           // may be 0
  size_t kc;
  const float* bias;  // [rows]; null: none
  float* c;           // whole vectors, `first` added; c_stride from a row to the next
  size_t c_stride;
  bool accumulate;
};
using PlanarF32 = void (*)(const PlanarTile& tile);

/// The pixels of a tile, row by row, to the left factors of its n products: v = Bᵀ x B, channel by
/// channel.
struct WinogradInput {
  const float* const* x;  // [pixels]: `channels` floats each; n pixels, fewer of pairs
  size_t channels;
  float* v;  // [n], `stride` floats apart
  size_t stride;
};
/// And the sums of products to m outputs: y = finish(Aᵀ p A + bias), written over the first m sums
/// where y is null.
struct WinogradOutput {
  float* p;  // [n], `stride` floats apart
  size_t stride;
  size_t channels;
  const float* bias;  // [channels]; null: none
  float* const* y;    // [m]: `channels` floats each; single ones may be null: not wanted
  Finish finish;
};
/// One row of the products' right factors: row `row` of G w Gᵀ for every column of packed weights.
struct WinogradWeights {
  const float* const* w;  // [taps]: `count` floats each, whole panels
  size_t count;
  size_t row;
  float* u;  // [products of a row], `stride` floats apart
  size_t stride;
};
struct WinogradKernels {
  void (*weights)(const WinogradWeights&);
  void (*input)(const WinogradInput&);
  void (*output)(const WinogradOutput&);
};

// Tiles of 2 to 4 outputs along an axis of 2 or 3 taps; along one of 1 tap, 1 output. Tile 1 stands
// for pairs: along an axis of 3 taps 2 outputs of 2 inputs.
inline constexpr size_t kMinWinogradTile = 1;
inline constexpr size_t kMaxWinogradTile = 4;
inline constexpr size_t kMaxWinogradTaps = 3;

/// target[i][j] = act(source[i][j] + residual[i][j]); a target may be its source or its residual.
struct EpilogueRows {
  size_t rows;
  size_t columns;
  const float* const* source;
  float* const* target;
  const float* const* residual;  // null: none
  Activation activation;         // its slope is that of the first column
};
using EpilogueF32 = void (*)(const EpilogueRows& rows);

/// Weights of any type as f32: target[row][column] = source[row][column] * scales[column].
struct WidenRows {
  WeightType type;
  const void* source;   // [rows][width]
  const float* scales;  // [width]; null unless int8
  size_t rows;
  size_t width;
  float* target;
};
using WidenF32 = void (*)(const WidenRows& rows);

/// GEMM kernels for weights of one type.
struct GemmKernels {
  GemmF32 tile[kMaxTilePanels][kMaxTileRows];    // [panels - 1][rows - 1]; null past mr and panels
  GemmRunF32 run[kMaxTilePanels][kMaxTileRows];  // the same; null past run_rows and panels
};

struct Kernels {
  const char* isa;
  size_t mr;
  size_t panels;
  GemmKernels gemm[kWeightTypeCount];  // by the type of the weights
  size_t run_rows;                     // at least mr
  WidenF32 widen;
  DepthwiseF32 depthwise;
  size_t lanes;                                         // pixels of one vector of a planar tile
  size_t planar_vectors[kMaxPlanarRows];                // widest planar tile, [rows - 1]
  PlanarF32 planar[kMaxPlanarRows][kMaxPlanarVectors];  // [rows - 1][vectors - 1]; null past it
  // [tile - kMinWinogradTile][taps_y - 1][taps_x - 1]; null where there are none
  WinogradKernels winograd[kMaxWinogradTile - kMinWinogradTile + 1][kMaxWinogradTaps]
                          [kMaxWinogradTaps];
  EpilogueF32 epilogue;
  OpKernels ops;
  /// Runs `steps` rounds of independent FMAs in registers; returns the floating-point operations
  /// done.
  double (*fma_rounds)(size_t steps);
  /// Sums `count` floats, reading whole rounds of vectors `repeats` times and the rest once.
  float (*read_all)(const float* data, size_t count, size_t repeats);
};

// kShape_<isa> and kernels_<isa> for every instruction set of this architecture.
struct TileShape {
  size_t mr;
  size_t run_rows;
  size_t panels;
};
#define ISA(name, mr, run_rows, panels)                           \
  inline constexpr TileShape kShape_##name{mr, run_rows, panels}; \
  extern const Kernels kernels_##name;
#include "native/cpu/kernels/kernels.def"
#undef ISA

/// The kernels of `isa`, or the best this machine runs when null; null when it is unknown or not
/// available here.
const Kernels* select_kernels(const char* isa);

/// Name of the best instruction set of this machine.
const char* best_isa();

/// Writes up to `capacity` kernel sets this machine runs, best first; returns how many there are.
size_t available_kernels(const Kernels** list, size_t capacity);

/// Peak of the calling thread's FMA units, GFLOP/s, measured for about `seconds`.
double measure_gflops(const Kernels& kernels, double seconds);

/// Rate at which the calling thread streams `data`, GB/s, measured for about `seconds`.
double measure_read_gbs(const Kernels& kernels, const float* data, size_t count, double seconds);

}  // namespace untangle
