// run_depthwise over padded, cropped and strided regions, on every instruction set and thread
// count, against plain loops.

#include "native/test/check.h"
#include "native/test/conv_program.h"

using namespace untangle;
using namespace untangle::test;

namespace {

ConvCase depthwise(const char* name, Shape x, int kernel, uint32_t stride, int pad) {
  ConvCase c{.name = name, .x = x, .y = {}, .depthwise = true};
  c.y = {x.n, (x.height + 2 * pad - kernel) / stride + 1, (x.width + 2 * pad - kernel) / stride + 1,
         x.channels};
  c.k_total = static_cast<uint32_t>(kernel * kernel);
  std::vector<TapRecord> taps;
  for (int i = 0; i < kernel * kernel; i++)
    taps.push_back({i / kernel, i % kernel, static_cast<uint32_t>(i), 0});
  c.regions = {{{0, 0, 1, 1, c.y.height, c.y.width, -pad, -pad, stride, stride, 0, 0, 1,
                 pad > 0 ? kRegionPadded : 0, 0, 0},
                taps}};
  return c;
}

std::vector<ConvCase> cases() {
  std::vector<ConvCase> list = {
      depthwise("3x3", {2, 9, 11, 37}, 3, 1, 1),
      depthwise("valid", {1, 9, 11, 16}, 3, 1, 0),
      depthwise("stride 2", {1, 9, 11, 64}, 3, 2, 1),
      depthwise("5x5", {1, 7, 7, 3}, 5, 1, 2),
      depthwise("wide", {1, 3, 3, 4100}, 3, 1, 1),
      depthwise("many taps", {1, 80, 70, 2}, 66, 1, 3),
      depthwise("one long row", {1, 1, 40000, 5}, 1, 1, 0),
      depthwise("larger kernel than map", {1, 3, 4, 19}, 9, 1, 4),
  };
  ConvCase finished = depthwise("residual, prelu", {1, 9, 11, 21}, 3, 1, 1);
  finished.residual = true;
  finished.activation = Unary::kPrelu;
  list.push_back(finished);
  ConvCase cropped = finished;
  cropped.name = "cropped";
  cropped.y.height = 7;
  cropped.y.width = 6;
  cropped.regions[0].record.flags |= kRegionCropped;
  list.push_back(cropped);
  ConvCase still = depthwise("steps of 0", {1, 5, 6, 19}, 3, 1, 1);
  still.regions[0].record.in_step_y = still.regions[0].record.in_step_x = 0;
  list.push_back(still);
  ConvCase no_taps = finished;
  no_taps.name = "no taps, no bias";
  no_taps.bias = false;
  no_taps.regions[0].taps.clear();
  list.push_back(no_taps);
  return list;
}

}  // namespace

int main() {
  const Kernels* kernels[8];
  const size_t sets = available_kernels(kernels, 8);
  for (const ConvCase& c : cases()) {
    ConvProgram program(c);
    const auto expected = program.expected();
    for (size_t set = 0; set < sets; set++) {
      for (size_t threads : {1, 2, 3}) {
        CHECK(program.run(*kernels[set], threads) == expected, "%s, %s, %zu threads", c.name,
              kernels[set]->isa, threads);
      }
    }
    if (test_device()) CHECK(program.run_on_gpu() == expected, "%s, GPU", c.name);
  }
  return summary();
}
