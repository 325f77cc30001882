#include "native/addon/errors.h"

namespace untangle {

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

void reject(napi_env env, napi_deferred deferred, const char* code, const char* message) {
  napi_value code_value, message_value, error;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) == napi_ok &&
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &message_value) == napi_ok &&
      napi_create_error(env, code_value, message_value, &error) == napi_ok) {
    napi_reject_deferred(env, deferred, error);
  }
}

}  // namespace untangle
