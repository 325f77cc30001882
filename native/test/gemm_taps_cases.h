// Every kind of region that gemmTaps knows.

#pragma once

#include "native/test/conv_program.h"

namespace untangle::test {

/// Taps of a kernel_y x kernel_x kernel in row-major order; k grows with them.
inline std::vector<TapRecord> taps_of(int kernel_y, int kernel_x, uint32_t kc, int dilation = 1) {
  std::vector<TapRecord> taps;
  for (int y = 0; y < kernel_y; y++) {
    for (int x = 0; x < kernel_x; x++)
      taps.push_back({y * dilation, x * dilation, static_cast<uint32_t>(taps.size()) * kc, 0});
  }
  return taps;
}

/// A plain convolution over all of y; in_y = in_x = -pad.
inline ConvCase plain(const char* name, Shape x, uint32_t outputs, int kernel, uint32_t stride,
                      int pad, uint32_t groups = 1) {
  ConvCase c{.name = name, .x = x, .y = {}, .groups = groups};
  const uint32_t kc = x.channels / groups;
  c.y = {x.n, (x.height + 2 * pad - kernel) / stride + 1, (x.width + 2 * pad - kernel) / stride + 1,
         outputs};
  c.k_total = static_cast<uint32_t>(kernel * kernel) * kc;
  c.regions = {{{0, 0, 1, 1, c.y.height, c.y.width, -pad, -pad, stride, stride, 0, 0, kc,
                 pad > 0 ? kRegionPadded : 0, 0, 0},
                taps_of(kernel, kernel, kc)}};
  return c;
}

/// The four phases of a transposed convolution (stride 2, kernel 4, pad 1), each with 2x2 taps and
/// padded reads.
inline ConvCase transposed(const char* name, Shape x, uint32_t outputs, uint32_t flags) {
  ConvCase c{.name = name, .x = x, .y = {x.n, 2 * x.height, 2 * x.width, outputs}};
  c.k_total = 16 * x.channels;
  for (int phase = 0; phase < 4; phase++) {
    auto taps = taps_of(2, 2, x.channels);
    for (TapRecord& tap : taps) tap.k += static_cast<uint32_t>(phase) * 4 * x.channels;
    c.regions.push_back({{phase / 2, phase % 2, 2, 2, x.height, x.width, phase / 2 - 1,
                          phase % 2 - 1, 1, 1, 0, 0, x.channels, flags, 0, 0},
                         taps});
  }
  return c;
}

/// All four phases side by side over one 3x3 window; y may be cropped.
inline ConvCase fused(const char* name, Shape x, uint32_t outputs, uint32_t height,
                      uint32_t width) {
  ConvCase c{.name = name, .x = x, .y = {x.n, height, width, outputs}, .fused_y = 2, .fused_x = 2};
  c.k_total = 9 * x.channels;
  c.regions = {{{-1, -1, 2, 2, (height + 2) / 2, (width + 2) / 2, -2, -2, 1, 1, 0, 0, x.channels,
                 kRegionPadded | kRegionCropped, 0, 0},
                taps_of(3, 3, x.channels)}};
  return c;
}

/// The same without reads outside x or pixels outside y.
inline ConvCase fused_inside(const char* name, Shape x, uint32_t outputs) {
  ConvCase c = fused(name, x, outputs, 2 * (x.height - 2), 2 * (x.width - 2));
  RegionRecord& record = c.regions[0].record;
  record = {0, 0, 2, 2, x.height - 2, x.width - 2, 0, 0, 1, 1, 0, 0, x.channels, 0, 0, 0};
  return c;
}

inline ConvCase in_place(ConvCase c, const char* name) {
  c.name = name;
  c.residual = c.in_place = true;
  return c;
}

inline ConvCase with(ConvCase c, const char* name, Unary activation, float alpha, float beta,
                     bool residual) {
  c.name = name;
  c.activation = activation;
  c.alpha = alpha;
  c.beta = beta;
  c.residual = residual;
  return c;
}

/// Pixels that lie evenly apart for long.
inline std::vector<ConvCase> long_runs() {
  return {
      plain("whole maps", {2, 9, 11, 5}, 37, 1, 1, 0),
      plain("long rows", {2, 5, 45, 9}, 40, 3, 1, 0),
      plain("long rows, stride 2", {1, 9, 41, 6}, 17, 3, 2, 0),
      plain("long rows, groups", {1, 5, 27, 12}, 80, 3, 1, 0, 2),
      plain("long rows, many channels", {1, 2, 13, 4500}, 35, 1, 1, 0),
      plain("long rows, many taps", {1, 36, 45, 3}, 20, 36, 1, 0),
      fused_inside("fused, long rows", {2, 5, 21, 9}, 3),
      fused_inside("fused, long rows, many columns", {1, 4, 15, 9}, 13),
      with(fused_inside("", {2, 5, 21, 9}, 3), "fused, long rows, prelu", Unary::kPrelu, 0, 0,
           true),
      with(plain("", {1, 5, 45, 9}, 40, 3, 1, 0), "long rows, residual, relu", Unary::kRelu, 0, 0,
           true),
      with(plain("", {1, 5, 27, 12}, 80, 3, 1, 0, 2), "long rows, groups, prelu", Unary::kPrelu, 0,
           0, false),
      in_place(plain("", {1, 5, 45, 9}, 40, 3, 1, 0), "long rows, in place"),
      in_place(plain("", {1, 2, 13, 4500}, 35, 1, 1, 0), "many channels, in place"),
  };
}

/// Regions that write bias, residual and activation only.
inline std::vector<ConvCase> cases_without_taps() {
  std::vector<ConvCase> list;
  // Stride 4 with a 3x3 kernel leaves phases without taps: bias, residual and activation only.
  ConvCase no_taps = transposed("no taps", {1, 3, 3, 4}, 10, kRegionPadded);
  no_taps.regions[1].taps.clear();
  no_taps.regions[2].taps.clear();
  no_taps.regions[2].record.kc = 0;
  list.push_back(with(no_taps, "no taps", Unary::kRelu, 0, 0, true));
  ConvCase no_taps_swept = transposed("no taps, per tap", {1, 3, 3, 4}, 10, kRegionPerTap);
  no_taps_swept.regions[3].taps.clear();
  list.push_back(no_taps_swept);
  // A program may have no tap at all; with many tiles and columns there is nothing to ask for
  // ahead.
  for (const uint32_t flags : {uint32_t{kRegionPadded}, uint32_t{kRegionPerTap}}) {
    ConvCase only_bias = plain("nothing but bias", {1, 9, 9, 4}, 70, 3, 1, 1);
    only_bias.regions[0].record.flags = flags;
    only_bias.regions[0].taps.clear();
    list.push_back(only_bias);
  }
  return list;
}

inline std::vector<ConvCase> gemm_taps_cases() {
  const ConvCase base = plain("3x3", {2, 9, 11, 5}, 21, 3, 1, 1);
  std::vector<ConvCase> list = {
      base,
      plain("valid 3x3", {1, 9, 11, 5}, 37, 3, 1, 0),
      plain("stride 2", {1, 9, 11, 19}, 3, 3, 2, 1),
      plain("1x1", {1, 20, 20, 8}, 48, 1, 1, 0),
      plain("groups", {1, 6, 7, 12}, 40, 3, 1, 1, 2),
      plain("many groups", {1, 5, 5, 12}, 12, 3, 1, 1, 6),
      plain("vector times matrix", {1, 1, 1, 100}, 700, 1, 1, 0),
      plain("many channels", {1, 3, 3, 4500}, 17, 3, 1, 1),
      plain("many taps", {1, 22, 22, 1}, 5, 36, 1, 16),
      plain("wide", {1, 24, 24, 3}, 33, 5, 1, 2),
      transposed("transposed, padded", {2, 4, 5, 7}, 18, kRegionPadded),
      transposed("transposed, per tap", {2, 4, 5, 7}, 18, kRegionPerTap),
      transposed("per tap, many channels", {1, 3, 3, 2500}, 5, kRegionPerTap),
      transposed("per tap, larger", {1, 16, 17, 6}, 35, kRegionPerTap),
      with(transposed("", {2, 1, 2, 70}, 35, kRegionPerTap), "per tap, few pixels, prelu",
           Unary::kPrelu, 0, 0, true),
      fused("fused", {1, 5, 6, 9}, 3, 9, 11),
      fused("fused, many columns", {2, 5, 4, 9}, 13, 8, 8),
      in_place(plain("", {2, 9, 11, 5}, 21, 3, 1, 1), "in place"),
      with(base, "relu", Unary::kRelu, 0, 0, false),
      with(base, "residual, leaky relu", Unary::kLeakyRelu, 0.5f, 0, true),
      with(base, "residual", Unary::kIdentity, 0, 0, true),
      with(base, "clip", Unary::kClip, -3, 6, false),
      with(base, "prelu", Unary::kPrelu, 0, 0, true),
      with(plain("", {1, 6, 7, 12}, 40, 3, 1, 1, 2), "groups, prelu", Unary::kPrelu, 0, 0, true),
      with(fused("", {1, 5, 6, 9}, 3, 9, 11), "fused, prelu", Unary::kPrelu, 0, 0, true),
      with(transposed("", {1, 4, 5, 7}, 18, kRegionPerTap), "per tap, prelu", Unary::kPrelu, 0, 0,
           true),
  };

  const std::vector<ConvCase> runs = long_runs();
  list.insert(list.end(), runs.begin(), runs.end());

  ConvCase no_bias = base;
  no_bias.name = "no bias";
  no_bias.bias = false;
  list.push_back(no_bias);

  ConvCase surplus = plain("cropped", {1, 8, 8, 6}, 20, 3, 1, 1);
  surplus.y.height = 7;
  surplus.y.width = 5;
  surplus.regions[0].record.flags |= kRegionCropped;
  list.push_back(surplus);

  for (ConvCase& c : cases_without_taps()) list.push_back(std::move(c));

  ConvCase fused_many = fused("fused, more taps than pointers", {1, 2, 3, 1}, 9, 4, 5);
  fused_many.k_total = 60 * 60;
  fused_many.regions[0].taps = taps_of(60, 60, 1);
  fused_many.regions[0].record.in_y = fused_many.regions[0].record.in_x = -30;
  list.push_back(fused_many);

  // Whatever a program says, no pointer may be made that lies outside the address space.
  ConvCase far = plain("taps far outside", {1, 1, 60000, 3}, 7, 1, 1, 0);
  far.regions[0].record.flags = kRegionPadded;
  far.regions[0].taps.push_back({-(1 << 28), -(1 << 28), 0, 0});
  list.push_back(far);
  return list;
}

}  // namespace untangle::test
