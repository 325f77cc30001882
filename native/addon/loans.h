// Native memory that JavaScript fills and gives back: a program written here is opened without a
// copy, and a model read here is freed when it has been compiled, not when V8 gets to it.

#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <unordered_map>

#include "native/session/session_state.h"

namespace untangle {

/// Used on the JavaScript thread only; kept alive by the arrays it made.
class Loans : public std::enable_shared_from_this<Loans> {
 public:
  /// A Uint8Array of zeros. Where external memory is forbidden, an ordinary one.
  Napi::Value lend(Napi::Env env, size_t bytes, bool is_sparse);

  /// Takes the memory of a whole array that was lent here back, and detaches the array; nothing for
  /// others.
  std::optional<AlignedBytes> take(Napi::Env env, Napi::Value array);

 private:
  struct Loan {
    std::shared_ptr<Loans> owner;
    AlignedBytes memory;
  };
  static void finalize(napi_env env, void* data, void* loan);

  std::unordered_map<void*, Loan*> out_;
};

}  // namespace untangle
