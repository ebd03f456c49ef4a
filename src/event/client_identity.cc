#include "event/client_identity.h"

#include "base/sip_hash.h"

namespace ei {

namespace {

// Must never change: write-ahead logs on disk contain identities that were computed with this key.
constexpr base::SipKey kKey{0x65692d636c69656e, 0x742d6964656e7469};  // "ei-client-identi"

}  // namespace

ClientIdentity IdentityOf(std::string_view name) {
  const uint64_t hash = base::SipHash128(kKey, name).low;
  return hash == kNoClient ? 1 : hash;
}

}  // namespace ei
