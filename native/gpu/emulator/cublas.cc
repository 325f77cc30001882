// cuBLAS of the emulated device: products by plain loops.

#include "native/gpu/cublas.h"

#include <set>

#include "native/gpu/emulator/state.h"

namespace untangle::gpu {

namespace {

struct Handle {
  Stream* stream = nullptr;
};

Handle* of(CublasHandle handle) { return reinterpret_cast<Handle*>(handle); }

}  // namespace

extern "C" {

#define UNTANGLE_CUBLAS(name, symbol, arguments) Status symbol arguments;
#include "native/gpu/cublas.def"
#undef UNTANGLE_CUBLAS
Status cublasSetWorkspace_v2(CublasHandle handle, void* workspace, size_t bytes);

Status cublasCreate_v2(CublasHandle* handle) {
  UNTANGLE_ENTER();
  *handle = reinterpret_cast<CublasHandle>(e.make<Handle>());
  return kSuccess;
}

Status cublasDestroy_v2(CublasHandle handle) {
  UNTANGLE_ENTER_RELEASE();
  e.end(of(handle));
  return status;
}

Status cublasSetStream_v2(CublasHandle handle, StreamHandle stream) {
  UNTANGLE_ENTER();
  of(handle)->stream = of(stream);
  return kSuccess;
}

Status cublasSetMathMode(CublasHandle, int) {
  UNTANGLE_ENTER();
  return kSuccess;
}

Status cublasSetWorkspace_v2(CublasHandle, void* workspace, size_t bytes) {
  UNTANGLE_ENTER();
  const auto at = reinterpret_cast<uintptr_t>(workspace);
  return Emulator::holds(e.device_memory, at, bytes) ? kSuccess : kInvalidValue;
}

Status cublasSgemmStridedBatched(CublasHandle handle, int transpose_a, int transpose_b, int m,
                                 int n, int k, const float* alpha, const float* a, int lda,
                                 long long stride_a, const float* b, int ldb, long long stride_b,
                                 const float* beta, float* c, int ldc, long long stride_c,
                                 int batch) {
  UNTANGLE_ENTER();
  const bool fits = m > 0 && n > 0 && k > 0 && batch > 0 && lda >= m && ldb >= k && ldc >= m;
  if (!fits || transpose_a != 0 || transpose_b != 0) return kInvalidValue;
  const float scale = *alpha;
  const float kept = *beta;
  of(handle)->stream->add([=] {
    for (int i = 0; i < batch; i++) {
      for (int column = 0; column < n; column++) {
        for (int row = 0; row < m; row++) {
          float sum = 0;
          for (int depth = 0; depth < k; depth++) {
            sum += a[i * stride_a + static_cast<long long>(depth) * lda + row] *
                   b[i * stride_b + static_cast<long long>(column) * ldb + depth];
          }
          float& to = c[i * stride_c + static_cast<long long>(column) * ldc + row];
          to = scale * sum + (kept == 0 ? 0 : kept * to);
        }
      }
    }
  });
  return kSuccess;
}

}  // extern "C"

}  // namespace untangle::gpu
