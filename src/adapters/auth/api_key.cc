#include "adapters/auth/api_key.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "base/crc32c.h"
#include "system/random_bytes.h"

namespace ei::auth {

namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr unsigned kBase = kDigits.size();
constexpr std::string_view kAlgorithm = "hmac-sha256$";
constexpr size_t kChecksumAt = kApiKeyBytes - kApiKeyChecksumBytes;

bool IsDigit(char c) { return kDigits.contains(c); }

// Appends the number in `bytes`, most significant first, with `count` digits. The number has to fit.
void AppendDigits(std::string& text, std::span<const uint8_t> bytes, size_t count) {
  std::array<uint8_t, 32> number = {};
  std::ranges::copy(bytes, number.begin());
  const size_t start = text.size();
  text.resize(start + count);
  for (size_t digit = count; digit-- > 0;) {
    unsigned rest = 0;
    for (uint8_t& byte : std::span(number).first(bytes.size())) {
      rest = rest << 8 | byte;
      byte = static_cast<uint8_t>(rest / kBase);
      rest %= kBase;
    }
    text[start + digit] = kDigits[rest];
  }
  OPENSSL_cleanse(number.data(), number.size());
}

void AppendChecksum(std::string& text) {
  const uint32_t sum = base::Crc32c(text);
  const std::array<uint8_t, 4> bytes = {static_cast<uint8_t>(sum >> 24), static_cast<uint8_t>(sum >> 16),
                                        static_cast<uint8_t>(sum >> 8), static_cast<uint8_t>(sum)};
  AppendDigits(text, bytes, kApiKeyChecksumBytes);
}

std::array<uint8_t, 32> DigestOf(std::span<const uint8_t> salt, std::string_view key) {
  std::array<uint8_t, 32> digest = {};
  HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
       reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data(), nullptr);
  return digest;
}

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool ReadBytes(std::string_view text, std::span<uint8_t> bytes) {
  const auto decoded = base::DecodeBase64(text);
  if (!decoded || decoded->size() != bytes.size()) return false;
  std::ranges::copy(*decoded, bytes.begin());
  return true;
}

}  // namespace

bool IsApiKeyId(std::string_view text) {
  return text.size() == kApiKeyIdBytes && std::ranges::all_of(text, IsDigit);
}

std::optional<std::string_view> IdOfApiKey(std::string_view key) {
  if (key.size() != kApiKeyBytes || !key.starts_with(kApiKeyStart)) return std::nullopt;
  const std::string_view id = key.substr(kApiKeyStart.size(), kApiKeyIdBytes);
  const std::string_view rest = key.substr(kApiKeyStart.size() + kApiKeyIdBytes);
  if (!IsApiKeyId(id) || rest[0] != '_' || !std::ranges::all_of(rest.substr(1), IsDigit)) return std::nullopt;
  std::string summed(key.substr(0, kChecksumAt));
  AppendChecksum(summed);
  return summed == key ? std::optional(id) : std::nullopt;
}

base::Result<std::string> GenerateApiKey() {
  std::array<uint8_t, 9> id = {};
  std::array<uint8_t, 32> secret = {};
  auto filled = system::FillWithRandomBytes(id);
  if (filled) filled = system::FillWithRandomBytes(secret);
  if (!filled) return std::unexpected(std::move(filled.error()));
  id[0] &= 0x7f;  // 71 bits fit into 12 digits
  std::string key(kApiKeyStart);
  AppendDigits(key, id, kApiKeyIdBytes);
  key += '_';
  AppendDigits(key, secret, kApiKeySecretBytes);
  AppendChecksum(key);
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

base::Result<KeyHash> HashApiKey(std::string_view key) {
  KeyHash hash;
  if (auto filled = system::FillWithRandomBytes(hash.salt); !filled) {
    return std::unexpected(std::move(filled.error()));
  }
  hash.digest = DigestOf(hash.salt, key);
  return hash;
}

bool Matches(const KeyHash& hash, std::string_view key) {
  const auto digest = DigestOf(hash.salt, key);
  return CRYPTO_memcmp(digest.data(), hash.digest.data(), digest.size()) == 0;
}

std::string ToText(const KeyHash& hash) {
  std::string text(kAlgorithm);
  return text.append(base::EncodeBase64(TextOf(hash.salt)))
      .append("$")
      .append(base::EncodeBase64(TextOf(hash.digest)));
}

std::optional<KeyHash> ReadKeyHash(std::string_view text) {
  if (!text.starts_with(kAlgorithm)) return std::nullopt;
  text.remove_prefix(kAlgorithm.size());
  const size_t end = text.find('$');
  KeyHash hash;
  if (end == std::string_view::npos || !ReadBytes(text.substr(0, end), hash.salt) ||
      !ReadBytes(text.substr(end + 1), hash.digest)) {
    return std::nullopt;
  }
  return hash;
}

}  // namespace ei::auth
