#include "adapters/auth/jwt_verifier.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "adapters/auth/jwt_json.h"
#include "base/base64.h"

namespace ei::auth {

namespace {

using nlohmann::json;

constexpr double kLastSecond = 9e9;  // in the year 2255; nanoseconds in 64 bits end in 2262

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_text;  // the first two and the point between them
};

std::optional<Parts> Split(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  // A further point is not base64url.
  return Parts{.header = token.substr(0, first),
               .payload = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1),
               .signed_text = token.substr(0, second)};
}

std::optional<json> ReadPart(std::string_view part) {
  const auto text = base::DecodeBase64Url(part);
  return text ? ReadJsonObject(*text) : std::nullopt;
}

struct Header {
  JwtAlgorithm algorithm;
  std::optional<std::string> kid;
};

// Media types are case-insensitive, and "application/" may be left out (RFC 7515, section 4.1.9).
bool IsTokenType(std::string_view type) {
  std::string lower(type);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  constexpr std::string_view kPrefix = "application/";
  if (lower.starts_with(kPrefix)) lower.erase(0, kPrefix.size());
  return lower == "jwt" || lower == "at+jwt";
}

std::optional<Header> ReadHeader(std::string_view part) {
  const auto header = ReadPart(part);
  if (!header || header->contains("crit")) return std::nullopt;
  if (header->contains("typ") && !IsTokenType(StringMember(*header, "typ").value_or(""))) return std::nullopt;
  const auto algorithm = JwtAlgorithmOf(StringMember(*header, "alg").value_or(""));
  if (!algorithm) return std::nullopt;
  if (!header->contains("kid")) return Header{.algorithm = *algorithm, .kid = std::nullopt};
  const auto kid = StringMember(*header, "kid");
  if (!kid || kid->size() > kKidBytesMax) return std::nullopt;
  return Header{.algorithm = *algorithm, .kid = std::string(*kid)};
}

// A NumericDate may have a fraction. One that is too large for our type is the last that isn't.
std::optional<base::WallTime> TimeMember(const json& claims, const char* name) {
  const auto member = claims.find(name);
  if (member == claims.end() || !member->is_number()) return std::nullopt;
  const double seconds = std::clamp(member->get<double>(), -kLastSecond, kLastSecond);
  const double whole = std::floor(seconds);
  return base::WallTime(std::chrono::seconds(static_cast<int64_t>(whole)) +
                        base::Duration(static_cast<int64_t>((seconds - whole) * 1e9)));
}

// The texts of a member that is a text or a list of nothing but texts; empty for all others.
std::vector<std::string> Texts(const json& member) {
  if (member.is_string()) return {member.get<std::string>()};
  if (!member.is_array() || !std::ranges::all_of(member, [](const json& item) { return item.is_string(); })) {
    return {};
  }
  return member.get<std::vector<std::string>>();
}

bool HasOneOf(const json& claims, const char* name, const std::vector<std::string>& wanted) {
  const auto member = claims.find(name);
  if (member == claims.end()) return false;
  return std::ranges::any_of(Texts(*member), [&wanted](const std::string& text) {
    return std::ranges::find(wanted, text) != wanted.end();
  });
}

}  // namespace

std::expected<VerifiedToken, AuthFault> JwtVerifier::Verify(std::string_view token,
                                                            base::WallTime now) const {
  const auto parts = token.size() <= kTokenBytesMax ? Split(token) : std::nullopt;
  if (!parts) return std::unexpected(AuthFault::kInvalidToken);
  const auto header = ReadHeader(parts->header);
  const auto signature = base::DecodeBase64Url(parts->signature);
  if (!header || !signature) return std::unexpected(AuthFault::kInvalidToken);

  const auto keys = source_.Keys();
  const auto candidates = keys->Find(header->kid, header->algorithm);
  const bool valid = std::ranges::any_of(candidates, [&](const JwtKey* key) {
    return key->Verify(header->algorithm, parts->signed_text, *signature);
  });
  if (valid) return CheckClaims(parts->payload, now);
  // Without a kid, it could be the signature of a new key.
  if (candidates.empty() || !header->kid) source_.NoteUnknownKey();
  return std::unexpected(candidates.empty() ? AuthFault::kUnknownIssuerKey : AuthFault::kInvalidToken);
}

std::expected<VerifiedToken, AuthFault> JwtVerifier::CheckClaims(std::string_view payload,
                                                                 base::WallTime now) const {
  const auto claims = ReadPart(payload);
  if (!claims || claims->size() > kTokenClaimsMax || claims->contains("cnf")) {
    return std::unexpected(AuthFault::kInvalidToken);
  }
  const auto issuer = StringMember(*claims, "iss");
  if (!issuer || std::ranges::find(options_.issuers, *issuer) == options_.issuers.end() ||
      !HasOneOf(*claims, "aud", options_.audiences)) {
    return std::unexpected(AuthFault::kInvalidToken);
  }
  const auto expiry = TimeMember(*claims, "exp");
  if (!expiry) return std::unexpected(AuthFault::kInvalidToken);
  for (const char* name : {"nbf", "iat"}) {
    if (!claims->contains(name)) continue;
    const auto from = TimeMember(*claims, name);
    if (!from) return std::unexpected(AuthFault::kInvalidToken);
    if (now < *from - options_.leeway) return std::unexpected(AuthFault::kExpiredToken);
  }
  VerifiedToken token{.claims = {}, .expires_at = *expiry + options_.leeway};
  if (now >= token.expires_at) return std::unexpected(AuthFault::kExpiredToken);
  size_t values = 0;
  for (const auto& [name, member] : claims->items()) {
    auto texts = Texts(member);
    values += texts.size();
    if (values > kTokenClaimValuesMax) return std::unexpected(AuthFault::kInvalidToken);
    if (!texts.empty()) token.claims.emplace_back(name, std::move(texts));
  }
  return token;
}

}  // namespace ei::auth
