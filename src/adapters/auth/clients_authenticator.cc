#include "adapters/auth/clients_authenticator.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "adapters/auth/api_key.h"

namespace ei::auth {

namespace {

Authentication Fault(AuthFault fault, base::WallTime now) {
  return {.client = nullptr, .fault = fault, .valid_until = now};
}

// RFC 9110 wants at least one challenge in a reply of status 401. No scheme is registered for certificates.
std::string ChallengeOf(const ClientsAuthenticator::Options& options) {
  constexpr std::string_view kRealm = R"( realm="event-ingestor")";
  std::string challenge;
  const auto add = [&](std::string_view scheme) {
    if (!challenge.empty()) challenge += ", ";
    challenge.append(scheme).append(kRealm);
  };
  if (options.keys || options.tokens != nullptr) add("Bearer");
  if (options.keys) add("Basic");
  if (challenge.empty()) add("Certificate");
  return challenge;
}

void AppendSized(std::string& bytes, std::string_view text) {
  const uint64_t size = text.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

}  // namespace

ClientsAuthenticator::ClientsAuthenticator(Options options)
    : options_(std::move(options)), challenge_(ChallengeOf(options_)), recent_(options_.remembered_max) {}

uint64_t ClientsAuthenticator::Version() const {
  // Both only increase, so each change changes the sum.
  return (options_.clients != nullptr ? options_.clients->Version() : 0) +
         (options_.tokens != nullptr ? options_.tokens->Version() : 0);
}

Authentication ClientsAuthenticator::Authenticate(const Credentials& all, base::WallTime now) {
  Credentials credentials;
  if (options_.keys || options_.tokens != nullptr) credentials.authorization = all.authorization;
  if (options_.keys) credentials.api_key = all.api_key;
  const bool in_headers = !credentials.authorization.empty() || !credentials.api_key.empty();
  if (options_.certificates && !in_headers) credentials.certificate = all.certificate;
  if (!in_headers && credentials.certificate == nullptr) return Fault(AuthFault::kNoCredentials, now);

  // Read before anything is looked up, so that what changes meanwhile is looked up again.
  if (const uint64_t version = Version(); version != recent_version_) {
    recent_.Clear();
    recent_version_ = version;
  }
  const base::Hash128 hash = HashOf(credentials);
  if (const RecentClients::Entry* recent = recent_.Find(hash, now)) {
    return {.client = recent->client, .valid_until = recent->valid_until};
  }
  Authentication result = Decide(credentials, now);
  if (result.client != nullptr) recent_.Add(hash, {result.client, result.valid_until});
  return result;
}

Authentication ClientsAuthenticator::Decide(const Credentials& credentials, base::WallTime now) const {
  if (credentials.certificate == nullptr) return ByHeaders(credentials, now);
  // The connection may be older than that.
  if (now >= credentials.certificate->expires_at) return Fault(AuthFault::kExpiredCertificate, now);
  auto directory = options_.clients != nullptr ? options_.clients->Get() : nullptr;
  auto client = directory != nullptr ? directory->FindByCertificate(*credentials.certificate) : nullptr;
  if (client == nullptr) return Fault(AuthFault::kUnknownClient, now);
  return {.client = std::move(client), .valid_until = credentials.certificate->expires_at};
}

Authentication ClientsAuthenticator::ByHeaders(const Credentials& credentials, base::WallTime now) const {
  const auto sent = credentials.authorization.empty() ? ReadApiKeyHeader(credentials.api_key)
                                                      : ReadAuthorization(credentials.authorization);
  if (!sent) return Fault(sent.error(), now);
  if (!credentials.authorization.empty() && !credentials.api_key.empty() &&
      sent->text != credentials.api_key) {
    return Fault(AuthFault::kAmbiguous, now);
  }
  if (sent->kind == SentCredential::Kind::kToken) return ByToken(sent->text, now);
  return ByKey(*sent, now);
}

Authentication ClientsAuthenticator::ByKey(const SentCredential& key, base::WallTime now) const {
  if (!options_.keys) return Fault(AuthFault::kMalformed, now);
  const auto directory = options_.clients != nullptr ? options_.clients->Get() : nullptr;
  const auto* const found =
      directory != nullptr ? directory->FindKey(IdOfApiKey(key.text).value_or("")) : nullptr;
  // A hash is computed also if there is no such key, so that the time doesn't show which ids exist.
  static const KeyHash nobody;
  const bool matches = Matches(found != nullptr ? found->hash : nobody, key.text) && found != nullptr;
  if (!matches || (key.client && *key.client != found->client->name)) {
    return Fault(AuthFault::kUnknownKey, now);
  }
  if (now >= found->expires_at) return Fault(AuthFault::kExpiredKey, now);
  return {.client = found->client, .valid_until = found->expires_at};
}

Authentication ClientsAuthenticator::ByToken(std::string_view token, base::WallTime now) const {
  if (options_.tokens == nullptr) return Fault(AuthFault::kMalformed, now);
  const auto verified = options_.tokens->Verify(token, now);
  if (!verified) return Fault(verified.error(), now);
  auto client = ClientOf(*verified);
  if (client == nullptr) return Fault(AuthFault::kUnknownClient, now);
  return {.client = std::move(client), .valid_until = verified->expires_at};
}

std::shared_ptr<const Client> ClientsAuthenticator::ClientOf(const VerifiedToken& token) const {
  if (options_.clients != nullptr) return options_.clients->Get()->FindByClaims(token.claims);
  const auto named = [this](const auto& claim) { return claim.first == options_.token_client_claim; };
  const auto claim = std::ranges::find_if(token.claims, named);
  if (claim == token.claims.end() || claim->second.size() != 1 || !IsClientName(claim->second.front())) {
    return nullptr;
  }
  Client client{.name = claim->second.front()};
  if (options_.accounts != nullptr) client.account = options_.accounts->Of(client.name, client.limits);
  return std::make_shared<const Client>(std::move(client));
}

base::Hash128 ClientsAuthenticator::HashOf(const Credentials& credentials) {
  // Each text is preceded by its size, so that different credentials have different bytes.
  hashed_.clear();
  AppendSized(hashed_, credentials.authorization);
  AppendSized(hashed_, credentials.api_key);
  if (const PeerCertificate* const certificate = credentials.certificate) {
    const int64_t expires_at = certificate->expires_at.time_since_epoch().count();
    hashed_.append(reinterpret_cast<const char*>(&expires_at), sizeof expires_at);
    AppendSized(hashed_, certificate->subject);
    for (const auto* names : {&certificate->dns, &certificate->uris, &certificate->emails}) {
      const uint64_t count = names->size();
      hashed_.append(reinterpret_cast<const char*>(&count), sizeof count);
      for (const std::string& name : *names) AppendSized(hashed_, name);
    }
  }
  return base::SipHash128(options_.remember_key, hashed_);
}

}  // namespace ei::auth
