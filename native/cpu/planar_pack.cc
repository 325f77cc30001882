#include "native/cpu/planar_pack.h"

#include <algorithm>

namespace untangle {

namespace {

/// The rows of a box that lie inside x, for a source and a target that move on together.
struct PackedRows {
  float* source;  // the first pixel that is there
  float* target;  // the first column
  size_t rows;
  size_t channels;
  // A packed row: zeros, pixels of x, zeros.
  size_t left;
  size_t inside;
  size_t right;
};

/// Copies rows of pixels in the order in which they lie in memory, so that they stream.
void pack_planes(const PlanarJob& job, const PlanarPlan& plan, const PackedRows& of) {
  const PlanarMap& x = job.x;
  const auto width = static_cast<ptrdiff_t>(plan.width);
  const auto pitch = static_cast<ptrdiff_t>(plan.pitch);
  const bool is_planes = x.stride_c > x.stride_y;
  // Where nothing lies inside, no pointer into x is made either.
  const bool reads = of.inside > 0;
  const int64_t source_step = reads ? (is_planes ? x.stride_c : x.stride_y) : 0;
  PaddedRows block{.source = of.source,
                   .source_row = reads ? (is_planes ? x.stride_y : x.stride_c) : 0,
                   .target = of.target,
                   .target_row = is_planes ? pitch : width,
                   .rows = is_planes ? of.rows : of.channels,
                   .left = of.left,
                   .inside = of.inside,
                   .right = of.right};
  const size_t outer = is_planes ? of.channels : of.rows;
  for (size_t i = 0; i < outer; i++) {
    job.kernels().ops.copy_padded(block);
    block.source += source_step;
    block.target += is_planes ? width : pitch;
  }
}

/// The same where the channels of a pixel lie together.
void pack_pixels(const PlanarJob& job, const PlanarPlan& plan, const PackedRows& of) {
  const OpKernels& ops = job.kernels().ops;
  const auto width = static_cast<ptrdiff_t>(plan.width);
  const auto clear = [&](float* row, size_t first, size_t last) {
    for (size_t j = first; j < last; j++) ops.fill(0.0f, row + j, width, of.channels);
  };
  float* source = of.source;
  float* target = of.target;
  for (size_t row = 0; row < of.rows; row++) {
    clear(target, 0, of.left);
    clear(target, of.left + of.inside, of.left + of.inside + of.right);
    ops.copy_block({source, job.x.stride_c, job.x.stride_x}, {target + of.left, width, 1},
                   of.channels, of.inside);
    source += job.x.stride_y;
    target += plan.pitch;
  }
}

}  // namespace

void pack_planar(const PlanarJob& job, const PlanarPlan& plan, const PlanarBox& box,
                 float* packed) {
  const PlanarMap& x = job.x;
  const auto columns = static_cast<int64_t>(box.columns);
  const int64_t left = std::clamp<int64_t>(-box.column, 0, columns);
  const int64_t inside = std::clamp<int64_t>(x.width - box.column, left, columns) - left;
  const int64_t above = std::max<int64_t>(0, -box.row);
  const int64_t rows = std::min(static_cast<int64_t>(box.rows), x.height - box.row) - above;
  if (rows <= 0) return;
  const auto channel = static_cast<int64_t>(box.channel) * x.stride_c;
  const PackedRows of{
      .source = inside > 0 ? x.at(box.image, box.row + above, box.column + left) + channel : x.data,
      .target = packed + static_cast<size_t>(above) * plan.pitch,
      .rows = static_cast<size_t>(rows),
      .channels = box.channels,
      .left = static_cast<size_t>(left),
      .inside = static_cast<size_t>(inside),
      .right = static_cast<size_t>(columns - left - inside)};
  if (x.stride_x == 1 || inside == 0) {
    pack_planes(job, plan, of);
  } else {
    pack_pixels(job, plan, of);
  }
}

}  // namespace untangle
