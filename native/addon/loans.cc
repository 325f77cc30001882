#include "native/addon/loans.h"

#include <new>
#include <utility>

#include "native/addon/errors.h"

namespace untangle {

Napi::Value Loans::lend(Napi::Env env, size_t bytes, bool is_sparse) {
  std::optional<AlignedBytes> memory =
      AlignedBytes::allocate_fresh(bytes, /*in_large_pages=*/!is_sparse);
  if (!memory) throw std::bad_alloc();
  auto loan = std::make_unique<Loan>(Loan{shared_from_this(), std::move(*memory)});
  void* data = loan->memory.data();
  out_[data] = loan.get();

  napi_value buffer, array;
  if (napi_create_external_arraybuffer(env, data, bytes, finalize, loan.get(), &buffer) ==
      napi_ok) {
    loan.release();
  } else {
    out_.erase(data);
    if (napi_create_arraybuffer(env, bytes, nullptr, &buffer) != napi_ok) throw std::bad_alloc();
  }
  if (napi_create_typedarray(env, napi_uint8_array, bytes, buffer, 0, &array) != napi_ok) {
    throw make_error(env, "ERR_INTERNAL", "an array of bytes could not be made");
  }
  return {env, array};
}

std::optional<AlignedBytes> Loans::take(Napi::Env env, Napi::Value array) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer;
  if (!array.IsTypedArray() ||
      napi_get_typedarray_info(env, array, &type, &length, &data, &buffer, nullptr) != napi_ok) {
    return std::nullopt;
  }
  const auto found = out_.find(data);
  if (found == out_.end() || found->second->memory.size() != length) return std::nullopt;
  Loan* loan = found->second;
  // Nobody in JavaScript can reach the memory afterwards. The loan itself goes when V8 says so.
  if (napi_detach_arraybuffer(env, buffer) != napi_ok) return std::nullopt;
  AlignedBytes memory = std::move(loan->memory);
  out_.erase(data);
  return memory;
}

void Loans::finalize(napi_env, void* data, void* hint) {
  const std::unique_ptr<Loan> loan(static_cast<Loan*>(hint));
  const auto found = loan->owner->out_.find(data);
  if (found != loan->owner->out_.end() && found->second == loan.get()) {
    loan->owner->out_.erase(found);
  }
}

}  // namespace untangle
