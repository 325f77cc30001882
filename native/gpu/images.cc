#include "native/gpu/images.h"

#include <cstdint>
#include <cstring>

#ifdef UNTANGLE_GPU_FATBIN
// A fatbin begins with what the driver reads as words of 8 bytes.
__asm__(
    ".section .rodata\n"
    ".balign 64\n"
    ".global untangle_gpu_fatbin\n"
    ".hidden untangle_gpu_fatbin\n"
    "untangle_gpu_fatbin:\n"
    ".incbin \"" UNTANGLE_GPU_FATBIN
    "\"\n"
    ".global untangle_gpu_fatbin_end\n"
    ".hidden untangle_gpu_fatbin_end\n"
    "untangle_gpu_fatbin_end:\n"
    ".previous\n");

extern "C" const unsigned char untangle_gpu_fatbin[];
extern "C" const unsigned char untangle_gpu_fatbin_end[];
#endif

namespace untangle::gpu {

namespace {

// The container nvcc and fatbinary write: a header, then entries of a header and an image each.
constexpr uint32_t kFatbinMagic = 0xba55ed50u;

struct FatbinHeader {
  uint32_t magic;
  uint16_t version;
  uint16_t header_bytes;
  uint64_t bytes;
};

struct FatbinEntry {
  uint16_t kind;  // 1 PTX, 2 code
  uint16_t version;
  uint32_t header_bytes;
  uint64_t bytes;
  uint32_t compressed_bytes;
  uint32_t unknown;
  uint16_t minor;
  uint16_t major;
  uint32_t architecture;
};

}  // namespace

std::span<const unsigned char> embedded_fatbin() {
#ifdef UNTANGLE_GPU_FATBIN
  return {untangle_gpu_fatbin, untangle_gpu_fatbin_end};
#else
  return {};
#endif
}

std::string list_images(std::span<const unsigned char> fatbin) {
  FatbinHeader header{};
  if (fatbin.size() < sizeof(header)) return "";
  std::memcpy(&header, fatbin.data(), sizeof(header));
  if (header.magic != kFatbinMagic) return "";
  std::string list;
  for (size_t at = header.header_bytes; at + sizeof(FatbinEntry) <= fatbin.size();) {
    FatbinEntry entry{};
    std::memcpy(&entry, fatbin.data() + at, sizeof(entry));
    const uint64_t left = fatbin.size() - at;
    if (entry.header_bytes == 0 || entry.header_bytes > left) break;
    list += (list.empty() ? "" : " ") + std::string(entry.kind == 1 ? "compute_" : "sm_") +
            std::to_string(entry.architecture);
    if (entry.bytes > left - entry.header_bytes) break;
    at += entry.header_bytes + entry.bytes;
  }
  return list;
}

}  // namespace untangle::gpu
