// Output arrays whose memory comes back to the session when JavaScript has dropped them.
//
// A fresh array costs a page fault for every 4 KiB, which for large pictures is as long as
// computing them. The arrays are external to V8's heap, so they cannot be transferred to another
// thread (cloning works).
//
// V8 frees such arrays in full collections only, and starts one for every 20 MiB or so: with
// pictures of a few MiB that is as much work as computing them, and done by threads that compete
// with ours. So arrays are hidden from its accounts until they are many, or half a second old.

#pragma once

#include <napi.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "native/session/session_state.h"

namespace untangle {

/// Used on the JavaScript thread only; kept alive by the arrays it made.
class OutputPool : public std::enable_shared_from_this<OutputPool> {
 public:
  /// Keeps at most `kept_bytes` for later arrays and frees the rest; hides as many from V8.
  explicit OutputPool(size_t kept_bytes) : kept_limit_(kept_bytes) {}

  /// A Float32Array of `elements`; its contents are whatever was there unless `zeroed`.
  Napi::Value make_array(Napi::Env env, size_t elements, bool zeroed);

 private:
  /// A piece of a slab that several arrays may share; the last of them frees it.
  struct Block {
    std::shared_ptr<AlignedBytes> slab;
    std::byte* data;
    size_t bytes;
  };
  struct Loan {
    std::shared_ptr<OutputPool> pool;
    Block block;
  };
  static void give_back(napi_env env, void* data, void* loan);
  Block take(size_t bytes);
  Block make_slab(size_t bytes);
  void keep(Block block);
  void lend(Napi::Env env, size_t bytes);
  void settle(napi_env env, size_t bytes);

  std::vector<Block> kept_;
  size_t kept_bytes_ = 0;
  size_t kept_limit_;
  size_t lent_bytes_ = 0;    // in arrays that V8 has not freed
  size_t hidden_bytes_ = 0;  // of those, missing in V8's accounts
  std::chrono::steady_clock::time_point shown_at_{};
};

}  // namespace untangle
