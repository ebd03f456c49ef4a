#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ei::kafka::native {

// One login on one connection (RFC 4422): what the client says, what it makes of what the broker says. Not
// thread-safe; used once.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;

  // The client's first message.
  virtual std::string First() = 0;

  // The answer to the broker's message; nullopt: there is nothing more to say, and the broker has proven what
  // the mechanism asks of it. kInvalid: it didn't, or it refuses the login; the message holds no secret.
  virtual base::Result<std::optional<std::string>> Answer(std::string_view message) = 0;
};

// RFC 4616. The broker reads the password: only over TLS, or on a network that is trusted.
std::unique_ptr<SaslExchange> MakePlain(std::string_view username, std::string_view password);

enum class ScramHash : uint8_t { kSha256, kSha512 };

// RFC 5802, RFC 7677. `nonce`: printable, without a comma, never used before.
std::unique_ptr<SaslExchange> MakeScram(ScramHash hash, std::string_view username, std::string password,
                                        std::string nonce);

// RFC 7628, with extensions (KIP-342).
std::unique_ptr<SaslExchange> MakeOAuthBearer(
    std::string token, const std::vector<std::pair<std::string, std::string>>& extensions);

}  // namespace ei::kafka::native
