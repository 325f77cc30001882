// CRC-32 (IEEE 802.3), as in zlib and PNG: the checksum of program files.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace untangle {

/// Of `bytes` that follow others whose checksum is `before`. With the instructions that the
/// processor has for it: streamed weights are checked in every run.
uint32_t crc32(std::span<const std::byte> bytes, uint32_t before = 0);

/// The same by tables: what all processors can do.
uint32_t crc32_by_tables(std::span<const std::byte> bytes, uint32_t before = 0);

}  // namespace untangle
