// Errors as JavaScript sees them: an Error with a stable `code` (src/errors.ts).

#pragma once

#include <napi.h>

#include <string>

#include "native/cpu/execution.h"

namespace untangle {

/// An Error to throw. `message` is the template's argument where src/errors.ts has exactly one,
/// else the sentence.
Napi::Error make_error(Napi::Env env, const char* code, const std::string& message);

/// The promise form. Every status is ignored: while the environment ends, nobody listens.
void reject(napi_env env, napi_deferred deferred, const char* code, const char* message);

/// ERR_INDEX_RANGE with the fields of the fault; whoever knows the command's name makes the
/// message.
void reject_fault(napi_env env, napi_deferred deferred, const IndexFault& fault);

}  // namespace untangle
