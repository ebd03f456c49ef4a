#include "adapters/tokens/jwt_expiry.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "adapters/tokens/encoding.h"

namespace ei::tokens {

namespace {

constexpr size_t kTokenBytesMax = 32 * 1024;
constexpr double kLastSecond = 9e9;  // in the year 2255; nanoseconds in 64 bits end in 2262

}  // namespace

std::optional<base::WallTime> JwtExpiry(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto claims =
      nlohmann::json::parse(FromBase64Url(token.substr(first + 1, second - first - 1)), nullptr,
                            /*allow_exceptions=*/false);
  if (!claims.is_object() || !claims.contains("exp") || !claims["exp"].is_number()) return std::nullopt;
  const auto seconds = claims["exp"].get<double>();
  if (!(seconds > 0 && seconds < kLastSecond)) return std::nullopt;
  return base::WallTime(std::chrono::seconds(static_cast<int64_t>(seconds)));
}

base::Result<void> CheckToken(std::string_view token) {
  if (token.empty()) return base::Fail(base::ErrorKind::kInvalid, "the token is empty");
  if (token.size() > kTokenBytesMax)
    return base::Fail(base::ErrorKind::kInvalid, "the token is larger than 32 KiB");
  if (std::ranges::any_of(token, [](unsigned char c) { return c <= ' ' || c >= 0x7f; })) {
    return base::Fail(base::ErrorKind::kInvalid, "the token contains a byte that is not printable ASCII");
  }
  return {};
}

}  // namespace ei::tokens
