#include "native/program/crc32.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace untangle {
namespace {

// Eight tables: the checksum takes eight bytes a step, so that it does not show beside reading the
// weights from disk.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
    tables[0][i] = value;
  }
  for (size_t t = 1; t < 8; t++) {
    for (size_t i = 0; i < 256; i++) {
      const uint32_t before = tables[t - 1][i];
      tables[t][i] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr CrcTables kCrcTables = make_crc_tables();

// The functions below take and return the state: the checksum with all bits turned.

uint32_t advance_by_tables(const std::byte* bytes, size_t left, uint32_t state) {
  const CrcTables& t = kCrcTables;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes);
  for (; left >= 8; left -= 8, at += 8) {
    uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + 4, 4);
    low ^= state;
    state = t[7][low & 0xff] ^ t[6][(low >> 8) & 0xff] ^ t[5][(low >> 16) & 0xff] ^
            t[4][low >> 24] ^ t[3][high & 0xff] ^ t[2][(high >> 8) & 0xff] ^
            t[1][(high >> 16) & 0xff] ^ t[0][high >> 24];
  }
  for (; left > 0; left--, at++) state = (state >> 8) ^ t[0][(state ^ *at) & 0xff];
  return state;
}

#if defined(__x86_64__)

bool has_instructions() {
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

using Vector = __m128i;

__attribute__((target("pclmul,sse4.1"))) inline Vector load(const std::byte* at) {
  return _mm_loadu_si128(reinterpret_cast<const Vector*>(at));
}

/// Moves `x` past the bits of the constants in `by`, to where `next` lies.
__attribute__((target("pclmul,sse4.1"))) inline Vector fold(Vector x, Vector by, Vector next) {
  const Vector low = _mm_clmulepi64_si128(x, by, 0x00);
  const Vector high = _mm_clmulepi64_si128(x, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/// Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ (Intel, 2009), with
/// its constants for reflected bits. Takes multiples of 16 bytes, 64 at least.
__attribute__((target("pclmul,sse4.1"))) uint32_t advance(const std::byte* at, size_t left,
                                                          uint32_t state) {
  const Vector by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
  const Vector by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  const Vector by_64 = _mm_set_epi64x(0, 0x163cd6124);
  const Vector barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
  const Vector low_words = _mm_setr_epi32(-1, 0, -1, 0);

  Vector x[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
  x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128(static_cast<int>(state)));
  for (at += 64, left -= 64; left >= 64; at += 64, left -= 64) {
    for (size_t i = 0; i < 4; i++) x[i] = fold(x[i], by_512, load(at + 16 * i));
  }
  Vector sum = fold(fold(fold(x[0], by_128, x[1]), by_128, x[2]), by_128, x[3]);
  for (; left >= 16; at += 16, left -= 16) sum = fold(sum, by_128, load(at));

  sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by_128, 0x10));
  sum = _mm_xor_si128(_mm_srli_si128(sum, 4),
                      _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), by_64, 0x00));
  Vector rest = _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), barrett, 0x10);
  rest = _mm_clmulepi64_si128(_mm_and_si128(rest, low_words), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(sum, rest), 1));
}

#elif defined(__aarch64__) && defined(__linux__)

bool has_instructions() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

__attribute__((target("+crc"))) uint32_t advance(const std::byte* at, size_t left, uint32_t state) {
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    state = __crc32d(state, word);
  }
  return state;
}

#else

bool has_instructions() { return false; }
uint32_t advance(const std::byte* at, size_t left, uint32_t state) {
  return advance_by_tables(at, left, state);
}

#endif

// What the instructions take at least, and in units of.
constexpr size_t kLeast = 64;
constexpr size_t kUnit = 16;

}  // namespace

uint32_t crc32(std::span<const std::byte> bytes, uint32_t before) {
  static const bool is_fast = has_instructions();
  if (!is_fast || bytes.size() < kLeast) return crc32_by_tables(bytes, before);
  const size_t whole = bytes.size() / kUnit * kUnit;
  const uint32_t sum = ~advance(bytes.data(), whole, ~before);
  return crc32_by_tables(bytes.subspan(whole), sum);
}

uint32_t crc32_by_tables(std::span<const std::byte> bytes, uint32_t before) {
  return ~advance_by_tables(bytes.data(), bytes.size(), ~before);
}

}  // namespace untangle
