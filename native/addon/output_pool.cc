#include "native/addon/output_pool.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "native/addon/errors.h"

namespace untangle {

namespace {

// One large page: its single fault replaces 512 small ones.
constexpr size_t kSlabBytes = size_t{2} << 20;

// A full collection takes some 10 ms of several threads: not more than one in this time.
constexpr std::chrono::milliseconds kHiddenTime{500};

size_t round_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Changes what V8 counts as memory outside its heap.
void adjust(napi_env env, int64_t bytes) {
  int64_t total = 0;
  napi_adjust_external_memory(env, bytes, &total);
}

}  // namespace

OutputPool::Block OutputPool::take(size_t bytes) {
  const auto match = std::find_if(kept_.rbegin(), kept_.rend(),
                                  [bytes](const Block& block) { return block.bytes == bytes; });
  if (match == kept_.rend()) return make_slab(bytes);
  Block block = std::move(*match);
  kept_.erase(std::next(match).base());
  kept_bytes_ -= bytes;
  return block;
}

/// Memory for one array, or for as many as a slab holds and may be kept.
OutputPool::Block OutputPool::make_slab(size_t bytes) {
  const size_t step = round_up(bytes);
  const size_t spare = std::min(kSlabBytes / step, kept_limit_ / kSlabBytes * kSlabBytes / step);
  const size_t count = std::max<size_t>(1, spare);
  const size_t total = count > 1 ? kSlabBytes : bytes;
  std::optional<AlignedBytes> memory = AlignedBytes::allocate(total, /*zeroed=*/false);
  if (!memory) throw std::bad_alloc();
  const auto slab = std::make_shared<AlignedBytes>(std::move(*memory));
  for (size_t i = count - 1; i > 0; i--) keep({slab, slab->data() + i * step, bytes});
  return {slab, slab->data(), bytes};
}

void OutputPool::keep(Block block) {
  if (kept_bytes_ + block.bytes > kept_limit_) return;
  kept_bytes_ += block.bytes;
  kept_.push_back(std::move(block));
}

/// A new array, which V8 has just counted.
void OutputPool::lend(Napi::Env env, size_t bytes) {
  lent_bytes_ += bytes;
  hidden_bytes_ += bytes;
  adjust(env, -static_cast<int64_t>(bytes));
  const auto now = std::chrono::steady_clock::now();
  if (hidden_bytes_ <= kept_limit_ && now - shown_at_ < kHiddenTime) return;
  shown_at_ = now;
  adjust(env, static_cast<int64_t>(std::exchange(hidden_bytes_, 0)));
}

/// An array that V8 has freed and taken off its accounts.
void OutputPool::settle(napi_env env, size_t bytes) {
  lent_bytes_ -= bytes;
  if (hidden_bytes_ <= lent_bytes_) return;
  adjust(env, static_cast<int64_t>(hidden_bytes_ - lent_bytes_));
  hidden_bytes_ = lent_bytes_;
}

void OutputPool::give_back(napi_env env, void*, void* data) {
  const std::unique_ptr<Loan> loan(static_cast<Loan*>(data));
  loan->pool->settle(env, loan->block.bytes);
  // The last reference may be this one: then there is nobody to keep the memory for.
  if (loan->pool.use_count() > 1) loan->pool->keep(std::move(loan->block));
}

Napi::Value OutputPool::make_array(Napi::Env env, size_t elements, bool zeroed) {
  const size_t bytes = elements * sizeof(float);
  auto loan = std::make_unique<Loan>(Loan{shared_from_this(), take(bytes)});
  if (zeroed) std::memset(loan->block.data, 0, bytes);

  napi_value buffer, array;
  const napi_status status = napi_create_external_arraybuffer(env, loan->block.data, bytes,
                                                              give_back, loan.get(), &buffer);
  if (status == napi_ok) {
    lend(env, bytes);
    loan.release();
  } else if (napi_create_arraybuffer(env, bytes, nullptr, &buffer) != napi_ok) {
    // Some embedders forbid external memory; a plain buffer will do.
    throw std::bad_alloc();
  }
  if (napi_create_typedarray(env, napi_float32_array, elements, buffer, 0, &array) != napi_ok) {
    throw make_error(env, "ERR_INTERNAL", "an output array could not be made");
  }
  return {env, array};
}

}  // namespace untangle
