#include "native/runner/options.h"

#include <charconv>
#include <string_view>

namespace untangle::runner {

namespace {

size_t parse_count(std::string_view option, std::string_view text, size_t most) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= most) {
    return value;
  }
  throw UsageError(std::string(option) + ": expected a number from 1 to " + std::to_string(most) +
                   " but received \"" + std::string(text) + "\"");
}

bool parse_device(std::string_view text) {
  if (text == "cpu" || text == "cuda") return text == "cuda";
  throw UsageError("--device: expected cpu or cuda but received \"" + std::string(text) + "\"");
}

}  // namespace

Options parse_options(int count, char** arguments) {
  constexpr size_t kMostThreads = 256;
  constexpr size_t kMostRuns = 1000000;
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with("--")) {
      if (!options.program.empty()) {
        throw UsageError("expected one program but received \"" + std::string(argument) + "\" too");
      }
      options.program = argument;
      continue;
    }
    if (i + 1 == count) throw UsageError(std::string(argument) + ": expected a value after it");
    const std::string_view value = arguments[++i];
    if (argument == "--device") {
      options.on_gpu = parse_device(value);
    } else if (argument == "--threads") {
      options.threads = parse_count(argument, value, kMostThreads);
    } else if (argument == "--runs") {
      options.runs = parse_count(argument, value, kMostRuns);
    } else if (argument == "--input") {
      options.inputs.emplace_back(value);
    } else if (argument == "--output") {
      options.outputs.emplace_back(value);
    } else {
      throw UsageError("unknown option " + std::string(argument));
    }
  }
  if (options.program.empty()) throw UsageError("expected a program");
  return options;
}

}  // namespace untangle::runner
