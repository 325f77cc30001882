// Runs a compiled program so many times on one thread and does nothing else: what a count of
// instructions is taken of.
//
//   run_program FILE.untp RUNS     UNTANGLE_ISA names the instruction set, default the best

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "native/addon/session_state.h"

namespace {

using namespace untangle;

int fail(const char* message) {
  std::fprintf(stderr, "%s\n", message);
  return 1;
}

int run(const char* path, int runs) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const Kernels* kernels = select_kernels(std::getenv("UNTANGLE_ISA"));
  if (kernels == nullptr) return fail("UNTANGLE_ISA is not available here");

  SessionState session;
  if (const auto error = open_session(std::as_bytes(std::span(bytes)), 1, *kernels, session)) {
    return fail(error->message.c_str());
  }
  const Program& program = session.program;
  std::vector<std::vector<float>> inputs, outputs;
  std::vector<const float*> input_pointers;
  std::vector<float*> output_pointers;
  for (const BindingRecord& binding : program.bindings) {
    const bool is_input = inputs.size() < program.input_count;
    auto& values = (is_input ? inputs : outputs).emplace_back(binding.elements, 0.25f);
    if (is_input) {
      input_pointers.push_back(values.data());
    } else {
      output_pointers.push_back(values.data());
    }
  }
  IndexFault fault;
  const Execution execution{.program = program,
                            .arena = session.arena.data(),
                            .outputs = output_pointers.data(),
                            .workspace = session.workspace_pointers.data(),
                            .pool = *session.pool,
                            .kernels = *kernels,
                            .aborted = session.aborted,
                            .fault = fault,
                            .inputs = input_pointers.data()};
  for (int i = 0; i < runs; i++) {
    if (!execute(execution, nullptr)) return fail("the run ended early");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("usage: run_program FILE.untp RUNS");
  return run(argv[1], std::atoi(argv[2]));
}
