// The JavaScript object around a session; src/runtime/addon.ts describes it.

#pragma once

#include <napi.h>

#include <memory>

#include "native/addon/output_pool.h"
#include "native/session/session_state.h"

namespace untangle {

class NativeSession : public Napi::ObjectWrap<NativeSession> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit NativeSession(const Napi::CallbackInfo& info);
  ~NativeSession() override;

  /// Takes over an opened session.
  void adopt(std::shared_ptr<SessionState> state, size_t kept_output_bytes);

 private:
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value new_output(const Napi::CallbackInfo& info);
  void abort(const Napi::CallbackInfo& info);
  Napi::Value commands_done(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  void release();
  static void on_environment_end(void* session);

  napi_env env_;
  std::shared_ptr<SessionState> state_;  // null once disposed
  std::shared_ptr<OutputPool> outputs_;  // null once disposed
  int64_t reported_bytes_ = 0;           // what V8 was told
};

}  // namespace untangle
