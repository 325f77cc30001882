#include "native/addon/run.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "native/addon/errors.h"

namespace untangle {
namespace {

using Clock = std::chrono::steady_clock;

// Plain Node-API instead of Napi::AsyncWorker: its completion throws when JavaScript can no longer
// run (a worker thread that is being terminated), and that would end the whole process.
struct Run {
  std::shared_ptr<SessionState> state;
  std::vector<const float*> inputs;
  std::vector<float*> outputs;
  CommandRange commands{};             // left to do
  std::unique_ptr<Timeline> timeline;  // where the run is profiled
  double ms = 0;
  bool finished = false;
  IndexFault fault;
  std::optional<OpenError> failure;  // of the GPU, or of reading weights
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref kept = nullptr;  // the array of outputs
};

// Handing a run to another thread and back takes some 50 us. Runs that were shorter than this
// lately are done where they are asked for, until it is time for a break: the event loop must not
// starve when one short run follows the other. What JavaScript does in between counts too.
constexpr double kInlineRunMs = 2;
constexpr double kInlineTotalMs = 4;

// On a busy machine a run that takes 0.5 ms by itself sometimes waits 10 ms for a thread that lost
// its core. After such a run some 80 go to another thread.
constexpr double kForgetting = 0.97;

double ms_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - start).count();
}

bool runs_inline(SessionState& state) {
  if (!state.recent_ms || *state.recent_ms > kInlineRunMs) return false;
  const Clock::time_point now = Clock::now();
  if (!state.inline_since) state.inline_since = now;
  return ms_between(*state.inline_since, now) + *state.recent_ms <= kInlineTotalMs;
}

// A piece of an input for one thread to copy: some 5 us.
constexpr size_t kCopyFloats = 32 * 1024;

/// Copies inputs to their places in the arena, so that the caller may reuse his while the run is in
/// flight; with all threads where they are large, because nothing else runs yet.
void copy_inputs(SessionState& state, std::vector<const float*>& inputs) {
  for (size_t i = 0; i < inputs.size(); i++) {
    const BindingRecord& binding = state.program.bindings[i];
    auto* target = reinterpret_cast<float*>(state.arena.data() + binding.offset_bytes);
    const size_t pieces = (binding.elements + kCopyFloats - 1) / kCopyFloats;
    state.pool->parallel_for(pieces, [&](size_t piece, size_t) {
      const size_t first = piece * kCopyFloats;
      const size_t count = std::min(kCopyFloats, binding.elements - first);
      std::memcpy(target + first, inputs[i] + first, count * sizeof(float));
    });
    inputs[i] = target;
  }
}

/// Runs the program on the GPU, on inputs that were taken before.
void run_on_gpu(Run& run) {
  SessionState& state = *run.state;
  const Clock::time_point start = Clock::now();
  try {
    run.finished = state.gpu->run(run.outputs.data(), {.aborted = state.aborted,
                                                       .fault = run.fault,
                                                       .timeline = run.timeline.get(),
                                                       .commands_done = &state.commands_done});
  } catch (const gpu::GpuFailure& error) {
    run.failure = describe(error);
  }
  run.ms += ms_between(start, Clock::now());
}

/// Runs what is left to do.
void run_commands(Run& run) {
  SessionState& state = *run.state;
  const Clock::time_point start = Clock::now();
  const Execution execution{.program = state.program,
                            .arena = state.arena.data(),
                            .outputs = run.outputs.data(),
                            .workspace = state.workspace_pointers.data(),
                            .pool = *state.pool,
                            .kernels = *state.kernels,
                            .aborted = state.aborted,
                            .fault = run.fault,
                            .commands_done = &state.commands_done,
                            .inputs = run.inputs.data(),
                            .reader = state.reader.get()};
  run.finished = execute(execution, run.commands, run.timeline.get());
  if (!run.finished) run.failure = read_failure(state);
  run.ms += ms_between(start, Clock::now());
}

/// On libuv's thread, or on the JavaScript thread when it is short.
void work(napi_env, void* data) {
  Run& run = *static_cast<Run*>(data);
  if (run.state->gpu) return run_on_gpu(run);
  run.state->pool->settle_caller();
  run_commands(run);
}

/// Leaves the caller's inputs: by the program's own copies where it begins with them, else by plain
/// ones.
void take_inputs(Run& run) {
  if (run.state->gpu) return run.state->gpu->take_inputs(run.inputs.data());
  const CommandRange copies = input_copies(run.state->program);
  if (copies.last == 0) return copy_inputs(*run.state, run.inputs);
  const CommandRange all = run.commands;
  run.commands = copies;
  run_commands(run);
  run.commands = {copies.last, all.last};
}

/// A Float64Array; null when there is no memory for it.
napi_value numbers(napi_env env, const std::vector<double>& times) {
  napi_value buffer, array;
  void* data = nullptr;
  const size_t bytes = times.size() * sizeof(double);
  if (napi_create_arraybuffer(env, bytes, &data, &buffer) != napi_ok) {
    napi_get_null(env, &array);
    return array;
  }
  if (bytes > 0) std::memcpy(data, times.data(), bytes);
  if (napi_create_typedarray(env, napi_float64_array, times.size(), buffer, 0, &array) != napi_ok) {
    napi_get_null(env, &array);
  }
  return array;
}

/// {startsMs, timesMs, work}: six numbers for each span of work, in the order of its fields.
napi_value describe_timeline(napi_env env, const Timeline* timeline) {
  napi_value result;
  if (timeline == nullptr || napi_create_object(env, &result) != napi_ok) {
    napi_get_null(env, &result);
    return result;
  }
  std::vector<double> work;
  for (const WorkSpan& span : timeline->work()) {
    work.insert(work.end(),
                {static_cast<double>(span.command), static_cast<double>(span.thread),
                 static_cast<double>(span.items), span.start_ms, span.end_ms, span.busy_ms});
  }
  napi_set_named_property(env, result, "startsMs", numbers(env, timeline->starts_ms()));
  napi_set_named_property(env, result, "timesMs", numbers(env, timeline->times_ms()));
  napi_set_named_property(env, result, "work", numbers(env, work));
  return result;
}

void resolve_run(napi_env env, const Run& run) {
  napi_value result, ms;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_double(env, run.ms, &ms) != napi_ok) {
    return;
  }
  napi_set_named_property(env, result, "ms", ms);
  napi_set_named_property(env, result, "timeline", describe_timeline(env, run.timeline.get()));
  napi_resolve_deferred(env, run.deferred, result);
}

void settle(napi_env env, const Run& run, bool finished) {
  if (run.fault.found) return reject_fault(env, run.deferred, run.fault);
  if (run.failure)
    return reject(env, run.deferred, run.failure->code, run.failure->message.c_str());
  if (!finished) return reject(env, run.deferred, "ERR_ABORTED", "the run was aborted");
  std::optional<double>& recent_ms = run.state->recent_ms;
  recent_ms = recent_ms ? std::max(run.ms, *recent_ms * kForgetting) : run.ms;
  resolve_run(env, run);
}

/// Back on the JavaScript thread. Statuses are ignored: see Run.
void complete(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Run> run(static_cast<Run*>(data));
  run->state->running = false;
  run->state->inline_since.reset();
  settle(env, *run, status == napi_ok && run->finished);
  napi_delete_reference(env, run->kept);
  napi_delete_async_work(env, run->work);
}

}  // namespace

Napi::Value start_run(Napi::Env env, std::shared_ptr<SessionState> state, RunTensors tensors,
                      bool profile) {
  auto run = std::make_unique<Run>();
  run->inputs = std::move(tensors.inputs);
  run->outputs = std::move(tensors.outputs);
  if (profile) {
    run->timeline = std::make_unique<Timeline>(command_count(state->program),
                                               state->pool ? state->pool->threads() : 1);
  }
  state->aborted = false;
  state->commands_done = 0;
  run->commands = all_commands(state->program);
  run->state = state;

  napi_value promise;
  const bool has_promise = napi_create_promise(env, &run->deferred, &promise) == napi_ok;
  if (has_promise && runs_inline(*state)) {
    if (state->gpu) take_inputs(*run);
    work(env, run.get());
    settle(env, *run, run->finished);
    return {env, promise};
  }
  take_inputs(*run);
  if (!has_promise || napi_create_reference(env, tensors.kept, 1, &run->kept) != napi_ok ||
      napi_create_async_work(env, nullptr, Napi::String::New(env, "untangle:run"), work, complete,
                             run.get(), &run->work) != napi_ok ||
      napi_queue_async_work(env, run->work) != napi_ok) {
    throw make_error(env, "ERR_INTERNAL", "the run could not be queued");
  }
  state->running = true;
  run.release();  // complete() owns it now
  return {env, promise};
}

}  // namespace untangle
