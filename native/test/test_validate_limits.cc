// Both sides of the bounds that keep checking and executing a program from taking forever.

#include <string>
#include <vector>

#include "native/program/validate.h"
#include "native/test/check.h"

using namespace untangle;
using namespace untangle::test;

namespace {

ViewRecord dense(uint32_t offset, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  ViewRecord view{};
  view.offset_bytes = offset * 4;
  view.rank = 4;
  const uint32_t dims[] = {a, b, c, d, 1, 1};
  int32_t stride = 1;
  for (size_t i = 6; i-- > 0;) {
    (&view.dim0)[i] = dims[i];
    (&view.stride0)[i] = i < 4 ? stride : 0;
    stride *= static_cast<int32_t>(dims[i]);
  }
  return view;
}

/// Depthwise convolutions with 1x1 kernels from x [1, 4, 4, 1] to y of the same size.
struct Tables {
  std::vector<ViewRecord> views{dense(0, 1, 4, 4, 1), dense(16, 1, 4, 4, 1), dense(0, 1, 1, 1, 1)};
  std::vector<RegionRecord> regions{{0, 0, 1, 1, 4, 4, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0}};
  std::vector<TapRecord> taps{{0, 0, 0, 0}};
  std::vector<DepthwiseCommand> commands{command(0, 1)};
  std::vector<float> constants{1};

  Tables() { views[2].slot = kSlotConstants; }
  static DepthwiseCommand command(uint32_t first, uint32_t count) {
    return {Opcode::kDepthwise, 0, 1, 2, kNone, kNone, kNone, first, count, 0, 0, 0, {}};
  }

  std::string problem() const {
    Program program{.bindings = {},
                    .views = views,
                    .commands = std::as_bytes(std::span(commands)),
                    .regions = regions,
                    .taps = taps,
                    .ops = {},
                    .indices = {},
                    .constants = constants,
                    .input_count = 0,
                    .output_count = 0,
                    .arena_bytes = 128};
    return validate_program(program).value_or("");
  }
};

void expect(const Tables& tables, const char* part, const char* what) {
  const std::string problem = tables.problem();
  const bool as_expected =
      *part == '\0' ? problem.empty() : problem.find(part) != std::string::npos;
  CHECK(as_expected, "%s: \"%s\"", what, problem.c_str());
}

void check_regions() {
  Tables tables;
  expect(tables, "", "one region");
  tables.commands.push_back(Tables::command(0, 1));
  expect(tables, "used twice", "a region of two commands");
  tables.regions.push_back(tables.regions[0]);
  tables.commands[1] = Tables::command(1, 1);
  expect(tables, "", "a region for each command");
}

void check_cropped_pixels() {
  Tables tables;
  RegionRecord& region = tables.regions[0];
  region.flags = kRegionCropped | kRegionPadded;
  region.count_y = 5;
  expect(tables, "", "one row more than the output");
  region.count_y = 6;
  expect(tables, "more pixels", "two rows more than the output");
}

void check_taps() {
  constexpr uint32_t kTaps = 1 << 12;
  Tables tables;
  tables.taps.assign(kTaps, {0, 0, 0, 0});
  tables.regions[0].tap_count = kTaps;
  tables.regions.assign((1 << 24) / kTaps, tables.regions[0]);
  tables.commands[0] = Tables::command(0, static_cast<uint32_t>(tables.regions.size()));
  expect(tables, "", "2^24 taps");
  tables.regions.push_back(tables.regions[0]);
  tables.commands[0].region_count++;
  expect(tables, "too many taps", "more than 2^24 taps");
}

void check_elements() {
  Tables tables;
  ViewRecord endless = dense(0, 1, 1, 1, 1);
  endless.dim0 = INT32_MAX;
  endless.stride0 = 0;
  tables.views.push_back(endless);
  expect(tables, "", "2^31 - 1 elements");
  tables.views[3].dim0++;
  expect(tables, "too many elements", "2^31 elements");
}

}  // namespace

int main() {
  check_regions();
  check_cropped_pixels();
  check_taps();
  check_elements();
  return summary();
}
