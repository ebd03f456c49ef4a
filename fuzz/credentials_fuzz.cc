// Authenticates requests with arbitrary headers: no client is found without the secret of one of its keys,
// and the result is the same when the credentials are remembered.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/auth/api_key.h"
#include "adapters/auth/clients_authenticator.h"
#include "base/base64.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Made by api_key.cc for the corpus.
constexpr std::string_view kKey = "ei_Bipqj6nGdIlh_S8UyYZi7SSUXwTCPKLnqSvEtyxYJSTRdNU4Aatq7VIf2rZSnG";
const ei::base::WallTime kNow{std::chrono::hours(490'000)};

// Accepts tokens that begin with "t".
class AnyToken final : public ei::auth::TokenVerifier {
 public:
  std::expected<ei::auth::VerifiedToken, ei::AuthFault> Verify(std::string_view token,
                                                               ei::base::WallTime now) const override {
    if (!token.starts_with('t')) return std::unexpected(ei::AuthFault::kInvalidToken);
    return ei::auth::VerifiedToken{{{"sub", {std::string(token)}}}, now + std::chrono::hours(1)};
  }
  uint64_t Version() const override { return 1; }
};

std::shared_ptr<const ei::ClientDirectory> Directory() {
  ei::ClientEntry entry{.client = {.name = "orders"}};
  entry.keys.push_back({std::string(*ei::auth::IdOfApiKey(kKey)), ei::auth::HashApiKey(kKey).value()});
  entry.claims = {{{"sub", "token"}}};
  return std::make_shared<const ei::ClientDirectory>(std::vector<ei::ClientEntry>{std::move(entry)});
}

}  // namespace

// The first line is Authorization, the rest X-API-Key.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ei::CurrentClients clients(Directory());
  static const AnyToken tokens;
  static ei::auth::ClientsAuthenticator authenticator(
      {.keys = true, .tokens = &tokens, .clients = &clients, .remembered_max = 8});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  const std::string_view authorization = input.substr(0, end);
  const std::string_view api_key = end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
  const ei::Credentials credentials{.authorization = authorization, .api_key = api_key};
  const auto first = authenticator.Authenticate(credentials, kNow);
  const auto again = authenticator.Authenticate(credentials, kNow);
  Require(first.client == again.client && first.fault == again.fault);
  Require((first.client != nullptr) == (first.fault == ei::AuthFault::kNone));
  if (first.client == nullptr) return 0;
  const bool by_basic = authorization.contains(ei::base::EncodeBase64("orders:" + std::string(kKey)));
  Require(input.contains(kKey) || by_basic || authorization.ends_with(" token"));
  return 0;
}
