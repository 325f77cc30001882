// A program as launches: everything that depends on shapes and addresses is decided once, at open.

#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <variant>
#include <vector>

#include "native/gpu/device.h"
#include "native/gpu/half_constants.h"
#include "native/program/tables.h"

namespace untangle::gpu {

/// A kernel over a grid of blocks.
struct Launch {
  Kernel kernel;
  uint32_t grid_x;
  uint32_t grid_y;
  uint32_t parameters;  // offset in Plan::parameters
};

/// C = A * B, or C += A * B, for `batch` matrices, as cuBLAS has them: column by column, ld* floats
/// apart.
struct Product {
  int m, n, k;
  const float* a;
  int lda;
  const float* b;
  int ldb;
  long long stride_b;
  float* c;
  int ldc;
  long long stride_c;
  int batch;
  bool adds;
};

using Step = std::variant<Launch, Product>;

/// Packed weights that products read row by row instead of panel by panel; they stay in their
/// place.
struct RowWeights {
  size_t first;  // float of the constants
  uint32_t groups, panels, k_total;
};

/// One tensor that comes or goes: by a copy between pinned and device memory, unless kernels reach
/// the pinned one.
struct Transfer {
  size_t device;  // offset in device memory
  size_t host;    // and in the pinned one
  size_t bytes;
  bool is_mapped = false;
  bool is_converted = false;  // floats that a kernel brings into an arena of halves
};

/// A block of the arena that holds floats though the arena has halves, by its offset there.
struct FloatBlock {
  uint32_t arena_offset;
  size_t bytes;
  size_t device;
};

/// Where everything lies: in the one block of device memory, from its start, and in the pinned one.
struct DeviceLayout {
  std::vector<ConstantRun> constants;  // all of them, in order
  size_t arena = 0;
  bool has_half_arena = false;
  std::vector<FloatBlock> float_blocks;
  std::vector<Transfer> inputs;
  std::vector<Transfer> outputs;
  size_t regions = 0;
  size_t taps = 0;
  size_t ops = 0;
  size_t indices = 0;
  Transfer fault{};
  size_t tables = 0;   // what the plan itself makes
  size_t scratch = 0;  // of one command at a time
  size_t cublas = 0;   // its workspace, where there are products
  /// Bytes on the device, as the driver hands them out, and pinned.
  size_t device_bytes = 0;
  size_t host_bytes = 0;

  /// Where a byte of the program's arena, at `offset`, lies in this one.
  size_t arena_place(size_t offset) const { return has_half_arena ? (offset + 1) / 2 : offset; }

  /// What a budget bounds.
  uint64_t bytes() const { return uint64_t{device_bytes} + host_bytes; }
};

/// Where the blocks of a layout begin, as kernels see them; `pinned` where they do.
struct Bases {
  DevicePointer memory;
  DevicePointer pinned;
};

struct Plan {
  DeviceLayout layout;
  std::vector<Step> steps;
  std::vector<uint32_t> first_step;  // of each command, and the number of all; before the first
                                     // command inputs arrive
  std::vector<std::byte> parameters;
  std::vector<uint32_t> tables;  // to be copied to layout.tables
  size_t scratch_bytes = 0;
  std::vector<RowWeights> row_weights;
  bool has_products = false;
  bool has_indices = false;  // a command may leave a fault
};

/// A command that has no kernel; the program was compiled for another device.
class NoKernel : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Lays out device memory of a validated program. Throws NoKernel.
DeviceLayout layout_program(const Program& program, const DeviceInfo& device, Precision precision);

/// The launches of a program whose memory lies there. Throws NoKernel.
Plan plan_program(const Program& program, const DeviceInfo& device, Precision precision,
                  const DeviceLayout& layout, const Bases& bases);

}  // namespace untangle::gpu
