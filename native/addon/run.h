// One run of a session.

#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "native/addon/session_state.h"

namespace untangle {

/// Runs `state` and returns the promise of {ms, commandMs}: on a thread of libuv's pool, or, when
/// the last run was short, on this one before it returns (see run.cc).
///
/// `outputs` is the JavaScript array that keeps the memory behind `output_data` alive. The run
/// holds its own reference to `state`, so the session object may go away at any time.
Napi::Value start_run(Napi::Env env, std::shared_ptr<SessionState> state, Napi::Array outputs,
                      std::vector<float*> output_data, bool profile);

}  // namespace untangle
