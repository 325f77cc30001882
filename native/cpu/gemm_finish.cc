// What follows the sums of a gemmTaps block: residual and activation, and for fused phases the way
// of their columns to the pixels of y.

#include <algorithm>
#include <cstring>

#include "native/cpu/gemm_block.h"

namespace untangle {

namespace {

/// Without a call of memcpy for the few floats of a narrow row.
void copy_few(const float* from, float* to, size_t count) {
  for (; count >= 4; count -= 4, from += 4, to += 4) std::memcpy(to, from, 4 * sizeof(float));
  if (count & 2) {
    std::memcpy(to, from, 2 * sizeof(float));
    from += 2;
    to += 2;
  }
  if (count & 1) *to = *from;
}

class GemmFinish {
 public:
  GemmFinish(const GemmJob& job, const GemmItem& item, const GemmSums& of)
      : job_(job),
        item_(item),
        of_(of),
        first_(of.column * job.tile_columns()),
        last_(std::min(job.columns, first_ + job.tile_columns())) {}

  void run() const {
    const bool is_cropped = (item_.region.flags & kRegionCropped) != 0;
    const bool rows_follow = job_.fused() && !is_cropped && job_.has_dense_rows();
    // One run of channels of one phase, or of a row of phases, after the other.
    const size_t most = job_.group_outputs * (rows_follow ? job_.fused_x : 1);
    for (size_t at = first_; at < last_;) {
      const size_t count = std::min(last_ - at, most - at % most);
      if (rows_follow) {
        finish_phases(at, count);
      } else {
        finish_columns(at, count);
      }
      at += count;
    }
  }

 private:
  const float* sums(size_t pixel, size_t column) const {
    return of_.sums + pixel * kMaxTileColumns + (column - first_);
  }

  /// Columns [at, at + columns) of a row of phases: neighbours in y as they are in C.
  void finish_phases(size_t at, size_t columns) const {
    const size_t row = job_.group_outputs * job_.fused_x;
    const auto phase_y = static_cast<int64_t>(at / row);
    const size_t offset = at % row;
    float* rows[kMaxBlockPixels];
    const float* residual[kMaxBlockPixels];
    for (size_t i = 0; i < of_.count; i++) {
      const RegionPixel& pixel = of_.pixels[i];
      const int64_t out_y = pixel.out_y + phase_y;
      rows[i] = job_.y.at(pixel.image, out_y, pixel.out_x) + offset;
      copy_few(sums(i, at), rows[i], columns);
      if (job_.adds_residual())
        residual[i] = job_.residual.at(pixel.image, out_y, pixel.out_x) + offset;
    }
    if (job_.has_epilogue()) epilogue({rows, rows, residual, of_.count}, at, columns);
  }

  /// Columns [at, at + columns) of one phase.
  void finish_columns(size_t at, size_t columns) const {
    const size_t phase = at / job_.group_outputs;
    const size_t channel = item_.group * job_.group_outputs + at % job_.group_outputs;
    const auto phase_y = static_cast<int64_t>(phase / job_.fused_x);
    const auto phase_x = static_cast<int64_t>(phase % job_.fused_x);
    const float* source[kMaxBlockPixels];
    float* rows[kMaxBlockPixels];
    const float* residual[kMaxBlockPixels];
    size_t kept = 0;
    for (size_t i = 0; i < of_.count; i++) {
      const RegionPixel& pixel = of_.pixels[i];
      const int64_t out_y = pixel.out_y + phase_y;
      const int64_t out_x = pixel.out_x + phase_x;
      if (!job_.y.contains(out_y, out_x)) continue;
      rows[kept] = job_.y.at(pixel.image, out_y, out_x) + channel;
      source[kept] = job_.fused() ? sums(i, at) : rows[kept];
      if (job_.adds_residual())
        residual[kept] = job_.residual.at(pixel.image, out_y, out_x) + channel;
      kept++;
    }
    epilogue({source, rows, residual, kept}, at, columns);
  }

  struct Rows {
    const float* const* source;
    float* const* target;
    const float* const* residual;
    size_t count;
  };
  void epilogue(const Rows& rows, size_t at, size_t columns) const {
    Activation activation = job_.activation;
    if (activation.slope != nullptr) activation.slope += item_.group * job_.panels * kPanel + at;
    job_.kernels.epilogue({.rows = rows.count,
                           .columns = columns,
                           .source = rows.source,
                           .target = rows.target,
                           .residual = job_.adds_residual() ? rows.residual : nullptr,
                           .activation = activation});
  }

  const GemmJob& job_;
  const GemmItem& item_;
  const GemmSums& of_;
  const size_t first_;
  const size_t last_;
};

}  // namespace

void finish_gemm(const GemmJob& job, const GemmItem& item, const GemmSums& sums) {
  if (job.fused() || job.has_epilogue()) GemmFinish(job, item, sums).run();
}

}  // namespace untangle
