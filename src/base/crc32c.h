#pragma once

#include <cstdint>
#include <string_view>

namespace ei::base {

// Returns the CRC-32C (Castagnoli; RFC 3720, appendix B.4) of `bytes`, continued from `before`, the checksum
// of the bytes that precede them (0: none). Uses the processor's CRC instruction if there is one, which is
// detected at run time on x86-64 and at compile time on ARM. docs/decisions/0024 says why it is ours.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// Computes the same with look-up tables, for processors without the instruction. Takes four to nine times as
// long.
uint32_t Crc32cByTables(std::string_view bytes, uint32_t before = 0);

}  // namespace ei::base
