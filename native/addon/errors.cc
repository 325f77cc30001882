#include "native/addon/errors.h"

namespace untangle {
namespace {

bool create_error(napi_env env, const char* code, const char* message, napi_value* error) {
  napi_value code_value, message_value;
  return napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) == napi_ok &&
         napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &message_value) == napi_ok &&
         napi_create_error(env, code_value, message_value, error) == napi_ok;
}

}  // namespace

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

void reject(napi_env env, napi_deferred deferred, const char* code, const char* message) {
  napi_value error;
  if (create_error(env, code, message, &error)) napi_reject_deferred(env, deferred, error);
}

void reject_fault(napi_env env, napi_deferred deferred, const IndexFault& fault) {
  napi_value error;
  if (!create_error(env, "ERR_INDEX_RANGE", "an index lies outside its axis", &error)) return;
  const struct {
    const char* name;
    double value;
  } fields[] = {{"command", static_cast<double>(fault.command)},
                {"index", fault.value},
                {"size", static_cast<double>(fault.size)}};
  for (const auto& field : fields) {
    napi_value number;
    if (napi_create_double(env, field.value, &number) == napi_ok) {
      napi_set_named_property(env, error, field.name, number);
    }
  }
  napi_reject_deferred(env, deferred, error);
}

}  // namespace untangle
