#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "clients/client_directory.h"

namespace ei::auth {

// An API key is the text "ei_", an id, "_", a secret and a checksum, the last three of 0-9 A-Z a-z:
//
//   ei_4gVx0q2ZbT7m_0aK...  (43 characters) ...Zx1Bc9kQ
//
// The id is public: it selects the key. The secret has 256 random bits. The checksum is the CRC-32C of all
// before it: it finds a key that was mistyped or cut, and tells programs that search texts for leaked secrets
// that this is one. docs/decisions/0027-api-keys.md explains the choices.
inline constexpr std::string_view kApiKeyStart = "ei_";
inline constexpr size_t kApiKeyIdBytes = 12;
inline constexpr size_t kApiKeySecretBytes = 43;
inline constexpr size_t kApiKeyChecksumBytes = 6;
inline constexpr size_t kApiKeyBytes =
    kApiKeyStart.size() + kApiKeyIdBytes + 1 + kApiKeySecretBytes + kApiKeyChecksumBytes;

bool IsApiKeyId(std::string_view text);

// The id in the text of a key. Nullopt if the text is not a key, or its checksum is wrong.
std::optional<std::string_view> IdOfApiKey(std::string_view key);

// A new random key. Its text is secret.
base::Result<std::string> GenerateApiKey();

// What is stored of a key, with a new random salt.
base::Result<KeyHash> HashApiKey(std::string_view key);

// Returns whether `hash` is that of `key`, in a time that doesn't depend on where they differ.
bool Matches(const KeyHash& hash, std::string_view key);

// "hmac-sha256$SALT$DIGEST" with salt and digest in Base64.
std::string ToText(const KeyHash& hash);
std::optional<KeyHash> ReadKeyHash(std::string_view text);

}  // namespace ei::auth
