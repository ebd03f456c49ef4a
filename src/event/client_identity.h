#pragma once

#include <cstdint>
#include <string_view>

namespace ei {

// Identifies a client by a hash of the name that distinguishes clients. It is the same in every process, so
// it can be stored in the write-ahead log. It is never reused for another client, unlike a ClientNumber.
using ClientIdentity = uint64_t;
inline constexpr ClientIdentity kNoClient = 0;  // clients are not distinguished

// Returns the identity of the client with this name. The hash key is not secret: a client cannot try enough
// names to find one that has another client's identity among the 2^64.
ClientIdentity IdentityOf(std::string_view name);

}  // namespace ei
