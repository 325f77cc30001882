// normalize: instance normalisation of x [N, H, W, C] over H and W, with an epilogue.
//
// Moments are made per chunk of the map and merged in order (Chan, Golub, LeVeque 1979): no sum of
// squares of large values is ever subtracted from another.

#include "native/gpu/kernels/scalar.cuh"
#include "native/gpu/kernels/values.cuh"

namespace untangle {
namespace gpu {

constexpr uint32_t kMomentLanes = kThreads / kMomentChannels;

UNTANGLE_DEVICE float* scratch_row(const NormalizeParams& p, uint32_t index, uint32_t n) {
  return p.scratch +
         (index * static_cast<uint32_t>(p.x.n) + n) * static_cast<uint32_t>(p.x.channels);
}

UNTANGLE_DEVICE uint32_t chunk_start(uint32_t pixels, uint32_t chunk) {
  return static_cast<uint32_t>(static_cast<uint64_t>(pixels) * chunk / kNormalizeChunks);
}

/// count, mean and m2 (sum of squared differences from the mean).
struct Moments {
  float count, mean, m2;
};

UNTANGLE_DEVICE Moments merged(const Moments& a, const Moments& b) {
  if (b.count == 0.0f) return a;
  if (a.count == 0.0f) return b;
  const float count = a.count + b.count;
  const float delta = b.mean - a.mean;
  return {count, a.mean + delta * (b.count / count),
          a.m2 + b.m2 + delta * delta * (a.count * b.count / count)};
}

/// Grid: channel blocks, then chunks, then images.
extern "C" __global__ void __launch_bounds__(256)
    untangle_normalize_moments(const NormalizeParams p) {
  __shared__ float means[kThreads];
  __shared__ float m2s[kThreads];
  __shared__ float counts[kThreads];
  const auto channels = static_cast<uint32_t>(p.x.channels);
  const auto width = static_cast<uint32_t>(p.x.width);
  const uint32_t pixels = p.rows * width;
  const uint32_t first = p.row * width;
  const uint32_t blocks = divided_up(channels, kMomentChannels);
  const uint32_t c = blockIdx.x % blocks * kMomentChannels + threadIdx.x % kMomentChannels;
  const uint32_t chunk = blockIdx.x / blocks % kNormalizeChunks;
  const uint32_t n = blockIdx.x / blocks / kNormalizeChunks;
  const uint32_t lane = threadIdx.x / kMomentChannels;

  // The pixels of this chunk that x holds; those of bands before are in the scratch.
  const uint32_t start = chunk_start(pixels, chunk);
  const uint32_t begin = first > start ? first : start;
  const uint32_t last = first + static_cast<uint32_t>(p.x.height) * width;
  const uint32_t stop = chunk_start(pixels, chunk + 1);
  const uint32_t end = last < stop ? last : stop;
  if (begin >= end) return;

  Moments own = {0.0f, 0.0f, 0.0f};
  if (c < channels) {
    for (uint32_t i = begin - first + lane; i < end - first; i += kMomentLanes) {
      const auto y = static_cast<int32_t>(i / width);
      const auto x = static_cast<int32_t>(i % width);
      const float value = load(p.x.values, pixel_offset(p.x, static_cast<int32_t>(n), y, x) +
                                               static_cast<int32_t>(c) * p.x.stride_c);
      own.count += 1.0f;
      const float delta = value - own.mean;
      own.mean += delta / own.count;
      own.m2 += delta * (value - own.mean);
    }
  }
  counts[threadIdx.x] = own.count;
  means[threadIdx.x] = own.mean;
  m2s[threadIdx.x] = own.m2;
  __syncthreads();
  if (lane != 0 || c >= channels) return;
  for (uint32_t l = 1; l < kMomentLanes; l++) {
    const uint32_t at = l * kMomentChannels + threadIdx.x;
    const Moments other = {counts[at], means[at], m2s[at]};
    own = merged(own, other);
  }
  if (begin > start) {
    const Moments before = {static_cast<float>(begin - start), scratch_row(p, chunk, n)[c],
                            scratch_row(p, kNormalizeChunks + chunk, n)[c]};
    own = merged(before, own);
  }
  scratch_row(p, chunk, n)[c] = own.mean;
  scratch_row(p, kNormalizeChunks + chunk, n)[c] = own.m2;
}

/// One thread per image and channel.
extern "C" __global__ void __launch_bounds__(256)
    untangle_normalize_merge(const NormalizeParams p) {
  const auto channels = static_cast<uint32_t>(p.x.channels);
  const uint32_t pixels = p.rows * static_cast<uint32_t>(p.x.width);
  const uint32_t i = thread_index();
  if (i >= static_cast<uint32_t>(p.x.n) * channels) return;
  const uint32_t n = i / channels;
  const uint32_t c = i % channels;
  Moments all = {0.0f, 0.0f, 0.0f};
  for (uint32_t chunk = 0; chunk < kNormalizeChunks; chunk++) {
    const uint32_t count = chunk_start(pixels, chunk + 1) - chunk_start(pixels, chunk);
    const Moments other = {static_cast<float>(count), scratch_row(p, chunk, n)[c],
                           scratch_row(p, kNormalizeChunks + chunk, n)[c]};
    all = merged(all, other);
  }
  const float variance = all.m2 / static_cast<float>(pixels);
  const float scale = p.scale == nullptr ? 1.0f : p.scale[c];
  scratch_row(p, 2 * kNormalizeChunks, n)[c] = all.mean;
  scratch_row(p, 2 * kNormalizeChunks + 1, n)[c] = scale / sqrtf(variance + p.epsilon);
}

extern "C" __global__ void __launch_bounds__(256)
    untangle_normalize_apply(const NormalizeParams p) {
  const auto channels = static_cast<uint32_t>(p.x.channels);
  const auto width = static_cast<uint32_t>(p.x.width);
  const auto height = static_cast<uint32_t>(p.x.height);
  const uint32_t count = static_cast<uint32_t>(p.x.n) * height * width * channels;
  for (uint32_t i = thread_index(); i < count; i += thread_count()) {
    const uint32_t channel = i % channels;
    const auto c = static_cast<int32_t>(channel);
    const auto x = static_cast<int32_t>(i / channels % width);
    const auto y = static_cast<int32_t>(i / channels / width % height);
    const uint32_t image = i / channels / width / height;
    const auto n = static_cast<int32_t>(image);
    const float mean = scratch_row(p, 2 * kNormalizeChunks, image)[channel];
    const float factor = scratch_row(p, 2 * kNormalizeChunks + 1, image)[channel];
    const float from = load(p.x.values, pixel_offset(p.x, n, y, x) + c * p.x.stride_c);
    float value = (from - mean) * factor + (p.shift == nullptr ? 0.0f : p.shift[channel]);
    if (has_values(p.residual.values)) {
      value += load(p.residual.values, pixel_offset(p.residual, n, y, x) + c * p.residual.stride_c);
    }
    store(p.y.values, pixel_offset(p.y, n, y, x) + c * p.y.stride_c,
          activate(p.activation, value, channel));
  }
}

}  // namespace gpu
}  // namespace untangle
