// Transposes that are written past the caches, on every instruction set, against plain loops.

#include <vector>

#include "native/cpu/kernels/kernels.h"
#include "native/test/check.h"

using namespace untangle;
using namespace untangle::test;

namespace {

/// Rows of the target are `target_row` floats apart; the first starts `past_line` after a line
/// does.
void check_stream(const Kernels& kernels, size_t rows, size_t columns, size_t target_row,
                  size_t past_line) {
  std::vector<float> source(rows * (columns + 3));
  for (size_t i = 0; i < source.size(); i++) source[i] = static_cast<float>(i);
  std::vector<float> memory(columns * target_row + 2 * kLineBytes, -1);
  const auto past = reinterpret_cast<uintptr_t>(memory.data()) % kLineBytes;
  float* target = memory.data() + (kLineBytes - past) / sizeof(float) + past_line;
  std::vector<float> expected = memory;
  float* at = expected.data() + (target - memory.data());
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) at[j * target_row + i] = source[i * (columns + 3) + j];
  }
  kernels.ops.transpose_stream(source.data(), static_cast<ptrdiff_t>(columns + 3), target,
                               static_cast<ptrdiff_t>(target_row), rows, columns);
  kernels.ops.end_streams();
  CHECK(memory == expected, "stream %zu x %zu, rows %zu apart from %zu, %s", rows, columns,
        target_row, past_line, kernels.isa);
}

}  // namespace

int main() {
  const Kernels* sets[8];
  for (size_t set = available_kernels(sets, 8); set-- > 0;) {
    for (const size_t rows : {1, 8, 15, 16, 130, 136, 272, 300}) {
      for (const size_t columns : {1, 7, 8, 19, 64}) {
        check_stream(*sets[set], rows, columns, 304, 0);
        check_stream(*sets[set], rows, columns, 304, 5);
        check_stream(*sets[set], rows, columns, 301, 15);
      }
    }
  }
  return summary();
}
