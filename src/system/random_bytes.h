#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace ei::system {

// Fills `bytes` from the kernel's generator for cryptographic use. Fails only on a kernel without
// getrandom().
base::Result<void> FillWithRandomBytes(std::span<uint8_t> bytes);

}  // namespace ei::system
