// One run of a session.

#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "native/session/session_state.h"

namespace untangle {

/// What a run reads and writes, one pointer per binding, and the JavaScript array of outputs that
/// keeps their memory alive.
struct RunTensors {
  std::vector<const float*> inputs;
  std::vector<float*> outputs;
  Napi::Array kept;
};

/// Runs `state` and returns the promise of {ms, timeline}: on a thread of libuv's pool, which
/// needs a copy of the inputs, or, when the last run was short, on this one before it returns (see
/// run.cc).
///
/// The run holds its own reference to `state`, so the session object may go away at any time.
Napi::Value start_run(Napi::Env env, std::shared_ptr<SessionState> state, RunTensors tensors,
                      bool profile);

}  // namespace untangle
