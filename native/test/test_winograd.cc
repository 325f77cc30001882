// run_winograd with all tiles and both kinds of blocks, on every instruction set and thread count:
// within the bound of docs/01-architecture.md of plain loops in double, and the same to the last
// bit whatever the threads and the blocks.

#include "native/test/check.h"
#include "native/test/winograd_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

/// What is tried with square windows only.
template <typename F>
void add_square_cases(F&& add) {
  add({.name = "prelu, residual",
       .x = {1, 9, 10, 13},
       .y = {1, 9, 10, 29},
       .activation = Unary::kPrelu,
       .residual = true});
  add({.name = "relu, residual in place",
       .x = {2, 6, 11, 30},
       .y = {2, 6, 11, 19},
       .activation = Unary::kRelu,
       .residual = true,
       .in_place = true});
  add({.name = "phases, prelu, residual in place",
       .x = {2, 4, 3, 7},
       .y = {2, 11, 6, 19},
       .stride_y = 3,
       .stride_x = 2,
       .activation = Unary::kPrelu,
       .residual = true,
       .in_place = true});
  add({.name = "no bias, pads that differ",
       .x = {1, 4, 9, 5},
       .y = {1, 9, 13, 3},
       .pad_top = 5,
       .pad_left = 0,
       .bias = false});
  add({.name = "dilated",
       .x = {1, 13, 12, 7},
       .y = {1, 13, 12, 8},
       .dilation_y = 2,
       .dilation_x = 5,
       .pad_top = 2,
       .pad_left = 5});
  add({.name = "dilated phases",
       .x = {1, 7, 6, 7},
       .y = {1, 13, 12, 8},
       .stride_y = 2,
       .stride_x = 3,
       .dilation_y = 3,
       .dilation_x = 2});
  add({.name = "dilation past the map",
       .x = {1, 3, 4, 6},
       .y = {1, 5, 4, 6},
       .dilation_y = 7,
       .dilation_x = 100,
       .pad_top = 8,
       .pad_left = 100});
  add({.name = "far outside",
       .x = {1, 2, 2, 4},
       .y = {1, 17, 3, 4},
       .pad_top = 12,
       .pad_left = 200});
  add({"more channels than two slices", 0, 0, 0, {1, 5, 5, 521}, {1, 5, 5, 18}});
  add({"many columns", 0, 0, 0, {1, 6, 5, 3}, {1, 6, 5, 211}});
  // So large that scratch for 40 tiles has no room for it.
  add({"a kernel that is not kept", 0, 0, 0, {1, 6, 5, 301}, {1, 5, 7, 80}});
}

/// Cases of one form.
void add_cases(uint32_t tile, uint32_t rows, uint32_t columns, std::vector<WinogradCase>& list) {
  const auto add = [&](WinogradCase c) {
    c.tile = tile;
    c.taps_y = rows;
    c.taps_x = columns;
    list.push_back(c);
  };
  add({"plain", 0, 0, 0, {1, 8, 8, 16}, {1, 8, 8, 16}});
  add({"one channel", 0, 0, 0, {1, 5, 6, 1}, {1, 5, 6, 1}});
  add({"odd channels, batch", 0, 0, 0, {3, 7, 9, 21}, {3, 7, 9, 37}});
  add({.name = "phases",
       .x = {2, 5, 6, 13},
       .y = {2, 9, 13, 18},
       .stride_y = 2,
       .stride_x = 2,
       .pad_top = 0,
       .pad_left = -1});
  if (rows == columns) add_square_cases(add);
}

/// Maps twice as high and wide as the dilations of the axes of three taps.
void add_pairs(std::vector<WinogradCase>& list) {
  WinogradCase c{.name = "pairs", .tile = 1, .x = {2, 10, 6, 37}, .y = {2, 10, 6, 21}};
  c.dilation_y = 5;
  c.dilation_x = 3;
  c.pad_top = 5;
  c.pad_left = 3;
  list.push_back(c);
  WinogradCase finished = c;
  finished.name = "pairs, prelu, residual in place";
  finished.activation = Unary::kPrelu;
  finished.residual = finished.in_place = true;
  list.push_back(finished);
  WinogradCase wide = c;
  wide.name = "pairs, a kernel that is not kept";
  wide.x.channels = 301;
  wide.y.channels = 80;
  list.push_back(wide);
  WinogradCase row = c;
  row.name = "pairs in a row";
  row.taps_y = 1;
  row.dilation_y = 1;
  row.pad_top = 0;
  list.push_back(row);
  WinogradCase column = c;
  column.name = "pairs in a column";
  column.taps_x = 1;
  column.dilation_x = 1;
  column.pad_left = 0;
  list.push_back(column);
}

std::vector<WinogradCase> cases() {
  std::vector<WinogradCase> list;
  add_pairs(list);
  for (uint32_t tile : {2, 3, 4}) {
    for (uint32_t rows : {1, 2, 3}) {
      for (uint32_t columns : {1, 2, 3}) {
        const bool known = tile != 3 || (rows != 2 && columns != 2);
        if (known && rows + columns > 2) add_cases(tile, rows, columns, list);
      }
    }
  }
  return list;
}

void check(const WinogradCase& c, const Kernels& kernels, double& largest) {
  WinogradProgram program(c);
  std::vector<float> first;
  for (size_t tiles : {0, 1, 3, 40}) {
    const bool is_held = c.tile_floats() * sizeof(float) <= kWorkspaceBytes;
    for (size_t run = 0; run < 8; run++) {
      const size_t threads = run / 2 + 1;
      const bool keeps = run % 2 == 0;
      if (tiles == 0 && !(is_held && keeps)) continue;
      const std::vector<float> arena = program.run(kernels, threads, tiles, keeps);
      if (first.empty()) {
        first = arena;
        const double worst = program.worst(arena);
        largest = std::max(largest, worst);
        CHECK(worst <= 1, "tile %u, %ux%u taps, %s, %s", c.tile, c.taps_y, c.taps_x, c.name,
              kernels.isa);
      }
      CHECK(std::memcmp(first.data(), arena.data(), arena.size() * sizeof(float)) == 0,
            "tile %u, %ux%u taps, %s, %s, %zu threads, scratch for %zu tiles", c.tile, c.taps_y,
            c.taps_x, c.name, kernels.isa, threads, tiles);
    }
  }
  const std::vector<float> aborted = program.run(kernels, 2, 3, true, true);
  CHECK(
      std::memcmp(aborted.data(), program.untouched().data(), aborted.size() * sizeof(float)) == 0,
      "tile %u, %ux%u taps, %s, aborted", c.tile, c.taps_y, c.taps_x, c.name);
}

}  // namespace

int main() {
  const Kernels* kernels[8];
  const size_t sets = available_kernels(kernels, 8);
  double largest = 0;
  for (const WinogradCase& c : cases()) {
    for (size_t set = 0; set < sets; set++) check(c, *kernels[set], largest);
  }
  std::printf("largest error: %.4f of the bound\n", largest);
  return summary();
}
