#pragma once

#include <cstdint>
#include <string_view>

namespace ei {

// Who a client is, as a hash of whatever tells clients apart. The same in every process, and so fit for the
// log; never another client's, as a ClientNumber is in time.
using ClientIdentity = uint64_t;
inline constexpr ClientIdentity kNoClient = 0;  // clients are not told apart

// The key is not secret: of 2^64 identities a client can choose too few to hit upon another one's.
ClientIdentity IdentityOf(std::string_view name);

}  // namespace ei
