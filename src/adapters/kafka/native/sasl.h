#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ei::kafka::native {

// One SASL login on one connection (RFC 4422): produces the client's messages from the broker's. Not
// thread-safe; used once.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;

  // The client's first message.
  virtual std::string First() = 0;

  // Returns the answer to the broker's message. nullopt: the exchange is complete, and the broker has proven
  // what the mechanism requires. kInvalid: it has not, or the login is rejected; the error message holds no
  // secret.
  virtual base::Result<std::optional<std::string>> Answer(std::string_view message) = 0;
};

// RFC 4616. The broker receives the password: use it only with TLS or on a trusted network.
std::unique_ptr<SaslExchange> MakePlain(std::string_view username, std::string_view password);

enum class ScramHash : uint8_t { kSha256, kSha512 };

// RFC 5802, RFC 7677. `nonce` must be printable, without a comma, and never reused.
std::unique_ptr<SaslExchange> MakeScram(ScramHash hash, std::string_view username, std::string password,
                                        std::string nonce);

// RFC 7628, with extensions (KIP-342).
std::unique_ptr<SaslExchange> MakeOAuthBearer(
    std::string token, const std::vector<std::pair<std::string, std::string>>& extensions);

}  // namespace ei::kafka::native
