// The command line of untangle_run.

#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace untangle::runner {

inline constexpr char kUsage[] =
    "usage: untangle_run PROGRAM [--device cpu|cuda] [--threads N] [--runs N]\n"
    "                    [--input FILE]... [--output FILE]...\n"
    "\n"
    "Runs a program that `untangle compile` wrote (for --device cuda: with --device cuda).\n"
    "Inputs and outputs are files of raw f32, in the program's order; inputs that are not given "
    "are\n"
    "numbers from -1 to 1 that are always the same. Prints one line of JSON.\n";

struct Options {
  std::string program;
  bool on_gpu = false;
  size_t threads = 1;
  size_t runs = 1;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// Something is wrong with the command line; a sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws UsageError.
Options parse_options(int count, char** arguments);

}  // namespace untangle::runner
