#include "native/addon/native_session.h"

#include <utility>
#include <vector>

#include "native/addon/errors.h"
#include "native/addon/run.h"

namespace untangle {
namespace {

/// The data of element `index` of `list`, which has to be a Float32Array of `elements`.
float* float_data(Napi::Env env, const Napi::Array& list, uint32_t index, uint64_t elements,
                  const char* what) {
  const Napi::Value value = list.Get(index);
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float32_array || length != elements) {
    throw make_error(env, "ERR_INTERNAL",
                     std::string(what) + " " + std::to_string(index) +
                         " is not a Float32Array of " + std::to_string(elements) + " elements");
  }
  return static_cast<float*>(data);
}

Napi::Array array_of(const Napi::CallbackInfo& info, size_t argument, uint32_t count) {
  if (!info[argument].IsArray() || info[argument].As<Napi::Array>().Length() != count) {
    throw make_error(info.Env(), "ERR_INTERNAL",
                     "a run needs an array of " + std::to_string(count) + " tensors");
  }
  return info[argument].As<Napi::Array>();
}

}  // namespace

Napi::Function NativeSession::define(Napi::Env env) {
  return DefineClass(
      env, "NativeSession",
      {InstanceMethod("run", &NativeSession::run), InstanceMethod("abort", &NativeSession::abort),
       InstanceMethod("commandsDone", &NativeSession::commands_done),
       InstanceMethod("newOutput", &NativeSession::new_output),
       InstanceMethod("dispose", &NativeSession::dispose)});
}

NativeSession::NativeSession(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativeSession>(info), env_(info.Env()) {
  napi_add_env_cleanup_hook(env_, on_environment_end, this);
}

NativeSession::~NativeSession() {
  napi_remove_env_cleanup_hook(env_, on_environment_end, this);
  release();
}

void NativeSession::adopt(std::shared_ptr<SessionState> state, size_t kept_output_bytes) {
  state_ = std::move(state);
  outputs_ = std::make_shared<OutputPool>(kept_output_bytes);
  reported_bytes_ = static_cast<int64_t>(state_->bytes());
  int64_t total = 0;
  napi_adjust_external_memory(env_, reported_bytes_, &total);
}

Napi::Value NativeSession::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!state_) {
    throw make_error(env, "ERR_SESSION_DISPOSED", "the session has been disposed; open a new one");
  }
  if (state_->running) throw make_error(env, "ERR_INTERNAL", "a run is already in flight");

  if (state_->pool) state_->pool->wake();
  const Program& program = state_->program;
  const Napi::Array inputs = array_of(info, 0, program.input_count);
  const Napi::Array outputs = array_of(info, 1, program.output_count);
  std::vector<float*> output_data(program.output_count);
  for (uint32_t i = 0; i < program.output_count; i++) {
    const BindingRecord& binding = program.bindings[program.input_count + i];
    output_data[i] = float_data(env, outputs, i, binding.elements, "output");
  }
  std::vector<const float*> input_data(program.input_count);
  for (uint32_t i = 0; i < program.input_count; i++) {
    input_data[i] = float_data(env, inputs, i, program.bindings[i].elements, "input");
  }
  const bool profile = info[2].IsBoolean() && info[2].As<Napi::Boolean>().Value();
  return start_run(env, state_, {std::move(input_data), std::move(output_data), outputs}, profile);
}

Napi::Value NativeSession::new_output(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!state_) {
    throw make_error(env, "ERR_SESSION_DISPOSED", "the session has been disposed; open a new one");
  }
  const uint32_t index = info[0].As<Napi::Number>().Uint32Value();
  if (index >= state_->program.output_count) {
    throw make_error(env, "ERR_INTERNAL", "there is no output " + std::to_string(index));
  }
  const size_t elements = state_->program.bindings[state_->program.input_count + index].elements;
  try {
    return outputs_->make_array(env, elements, info[1].ToBoolean());
  } catch (const std::bad_alloc&) {
    throw make_error(env, "ERR_OUT_OF_MEMORY",
                     "the operating system refused " + std::to_string(elements * sizeof(float)) +
                         " bytes for an output");
  }
}

void NativeSession::abort(const Napi::CallbackInfo&) {
  if (state_) state_->abort();
}

Napi::Value NativeSession::commands_done(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), state_ ? state_->commands_done.load() : 0);
}

void NativeSession::dispose(const Napi::CallbackInfo&) { release(); }

/// A run in flight keeps the memory until it has seen `aborted`.
void NativeSession::release() {
  if (!state_) return;
  state_->abort();
  state_.reset();
  outputs_.reset();
  int64_t total = 0;
  napi_adjust_external_memory(env_, -std::exchange(reported_bytes_, 0), &total);
}

void NativeSession::on_environment_end(void* session) {
  const auto& state = static_cast<NativeSession*>(session)->state_;
  if (state) state->abort();
}

}  // namespace untangle
