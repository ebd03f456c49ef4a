// An arbitrary JWK Set: rejected with a message, or read within its bounds; each key that was read is for the
// algorithm for which it is found, and verifies no signature that nobody made.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/auth/jwks.h"

namespace {

using ei::auth::JwtAlgorithm;

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto keys = ei::auth::KeySet::Parse({reinterpret_cast<const char*>(data), size});
  if (!keys) {
    Require(!keys.error().message.empty());
    return 0;
  }
  Require(keys->Size() + keys->Ignored().size() <= ei::auth::kJwksKeysMax);
  for (const std::string& why : keys->Ignored()) Require(why.starts_with("key ") && why.size() < 200);
  for (const JwtAlgorithm algorithm :
       {JwtAlgorithm::kRs256, JwtAlgorithm::kPs256, JwtAlgorithm::kEs256, JwtAlgorithm::kEdDsa}) {
    const auto found = keys->Find(std::nullopt, algorithm);
    Require(found.size() <= ei::auth::kKeyCandidatesMax);
    for (const auto* key : found) {
      Require(key->Fits(algorithm));
      for (const size_t bytes : {0, 64, 256, 1024}) {
        Require(!key->Verify(algorithm, "header.payload", std::string(bytes, '\0')));
      }
    }
  }
  return 0;
}
