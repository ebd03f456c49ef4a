#include "adapters/auth/sent_credential.h"

#include <algorithm>
#include <cctype>

#include "adapters/auth/api_key.h"
#include "base/base64.h"

namespace ei::auth {

namespace {

using Kind = SentCredential::Kind;

// Of a name, a colon and a key, in Base64.
constexpr size_t kBasicBytesMax = (kClientNameBytesMax + 1 + kApiKeyBytes + 2) / 3 * 4;

bool SameScheme(std::string_view scheme, std::string_view lower_case) {
  return std::ranges::equal(scheme, lower_case,
                            [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

// The characters of a credential (token68 of RFC 9110, section 11.2).
bool IsToken68(std::string_view text) {
  const std::string_view body = text.substr(0, text.find_last_not_of('=') + 1);
  return !body.empty() && std::ranges::all_of(body, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/").contains(c);
  });
}

std::expected<SentCredential, AuthFault> ReadBasic(std::string_view text) {
  if (text.size() > kBasicBytesMax) return std::unexpected(AuthFault::kMalformed);
  const std::string decoded = base::DecodeBase64(text).value_or("");
  const size_t colon = decoded.find(':');
  if (colon == std::string::npos) return std::unexpected(AuthFault::kMalformed);
  auto key = ReadApiKeyHeader(std::string_view(decoded).substr(colon + 1));
  if (key) key->client = decoded.substr(0, colon);
  return key;
}

}  // namespace

std::expected<SentCredential, AuthFault> ReadAuthorization(std::string_view value) {
  const size_t space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  const size_t start = std::min(value.find_first_not_of(' ', scheme.size()), value.size());
  const std::string_view text = value.substr(start);
  if (!IsToken68(text)) return std::unexpected(AuthFault::kMalformed);
  if (SameScheme(scheme, "basic")) return ReadBasic(text);
  if (!SameScheme(scheme, "bearer")) return std::unexpected(AuthFault::kMalformed);
  if (text.starts_with(kApiKeyStart)) return ReadApiKeyHeader(text);
  return SentCredential{.kind = Kind::kToken, .text = std::string(text)};
}

std::expected<SentCredential, AuthFault> ReadApiKeyHeader(std::string_view value) {
  if (!IdOfApiKey(value)) return std::unexpected(AuthFault::kMalformed);
  return SentCredential{.kind = Kind::kKey, .text = std::string(value)};
}

}  // namespace ei::auth
