#pragma once

#include <cstdint>
#include <string_view>

namespace ei::base {

// CRC-32C (Castagnoli; RFC 3720, appendix B.4) of `bytes`, going on from the checksum `before` of what stands
// in front of them. Uses the processor's instruction where there is one, chosen at run time.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// The same by tables, for processors without the instruction; takes four to nine times as long.
uint32_t Crc32cByTables(std::string_view bytes, uint32_t before = 0);

}  // namespace ei::base
