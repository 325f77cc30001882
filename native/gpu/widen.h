// A program whose weights are f32: kernels here know no other type.

#pragma once

#include <cstddef>
#include <vector>

#include "native/program/tables.h"

namespace untangle::gpu {

/// A validated program with every packed weight widened: commands read f32 views, and each widen is
/// a copy. Programs without other types are passed on as they are.
class WidenedProgram {
 public:
  /// @throws NoKernel where weights are no constants, or would pass 4 GiB as f32
  explicit WidenedProgram(const Program& source);
  WidenedProgram(const WidenedProgram&) = delete;
  WidenedProgram& operator=(const WidenedProgram&) = delete;

  /// Its spans point into this object, or into what the source's point into.
  const Program& program() const { return program_; }

 private:
  /// A run of f32 constants, moved together. In bytes.
  struct Run {
    size_t first;
    size_t last;
    size_t moved_to;
  };

  void move_floats(const Program& source);
  void widen_command(const Program& source, std::byte* command);
  uint32_t widen(const Program& source, uint32_t view, size_t panels, size_t rows, size_t width);
  size_t append(size_t floats);

  std::vector<ViewRecord> views_;
  std::vector<std::byte> commands_;
  std::vector<float> constants_;
  Program program_;
};

}  // namespace untangle::gpu
