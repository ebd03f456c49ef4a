// Measures what the verification of a token costs, by algorithm, and that of one that is refused. Prints one
// JSON object with microseconds of CPU time each: the median of several rounds.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/auth/jwt_verifier.h"
#include "support/null_log.h"
#include "support/signing_key.h"
#include "system/system_clock.h"

namespace ei::bench {
namespace {

using nlohmann::json;
using support::SigningKey;

constexpr int kRounds = 11;
constexpr int kTokensPerRound = 500;

double CpuMicroseconds() {
  std::timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double MedianOf(const std::function<void()>& run) {
  std::vector<double> costs;
  for (int round = 0; round < kRounds; ++round) {
    const double start = CpuMicroseconds();
    for (int i = 0; i < kTokensPerRound; ++i) run();
    costs.push_back((CpuMicroseconds() - start) / kTokensPerRound);
  }
  std::ranges::nth_element(costs, costs.begin() + kRounds / 2);
  return costs[kRounds / 2];
}

int Run() {
  const SigningKey rsa = SigningKey::Rsa(2048);
  const SigningKey large = SigningKey::Rsa(4096);
  const SigningKey p256 = SigningKey::P256();
  const SigningKey ed25519 = SigningKey::Ed25519();
  const json keys = {rsa.Jwk({{"kid", "r"}}), large.Jwk({{"kid", "l"}}), p256.Jwk({{"kid", "e"}}),
                     ed25519.Jwk({{"kid", "o"}})};
  const system::SystemClock clock;
  support::NullLog log;
  auth::JwksSource source(
      {.file = "",
       .url = "measured",
       .fetch = [&](const std::string&) -> base::Result<std::string> { return json{{"keys", keys}}.dump(); }},
      clock, log);
  source.Poll();
  const base::WallTime now = clock.WallNow();
  const auth::JwtVerifier verifier({.issuers = {"https://login.example"}, .audiences = {"events"}}, source);

  // As many and as long claims as the access tokens of common issuers have.
  const json claims = {
      {"iss", "https://login.example"},
      {"aud", {"events", "account"}},
      {"sub", "c6fd9efe-e353-4e2a-ab16-aa17a37d5647"},
      {"azp", "orders"},
      {"jti", "175c3c73-d5be-5bfe-7985-2f2354f60f0f"},
      {"exp", std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() + 300},
      {"iat", std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count()},
      {"scope", "profile email"},
      {"realm_access", {{"roles", {"default-roles", "offline_access"}}}},
      {"preferred_username", "service-account-orders"}};
  json figures = json::object();
  const auto measure = [&](const std::string& name, const std::string& token, AuthFault wanted) {
    bool as_wanted = true;
    figures[name] = MedianOf([&] {
      const auto verified = verifier.Verify(token, now);
      as_wanted = as_wanted && (verified ? AuthFault::kNone : verified.error()) == wanted;
    });
    return as_wanted;
  };
  const auto token = [&](const SigningKey& key, const char* algorithm, const char* kid) {
    return key.Token({{"alg", algorithm}, {"kid", kid}, {"typ", "at+jwt"}}, claims);
  };
  const bool done = measure("RS256", token(rsa, "RS256", "r"), AuthFault::kNone) &&
                    measure("RS256_4096", token(large, "RS256", "l"), AuthFault::kNone) &&
                    measure("PS256", token(rsa, "PS256", "r"), AuthFault::kNone) &&
                    measure("ES256", token(p256, "ES256", "e"), AuthFault::kNone) &&
                    measure("EdDSA", token(ed25519, "EdDSA", "o"), AuthFault::kNone) &&
                    measure("unknown_kid", token(p256, "ES256", "x"), AuthFault::kUnknownIssuerKey) &&
                    measure("no_signature", token(p256, "none", "e"), AuthFault::kInvalidToken);
  fmt::print("{}\n", figures.dump());
  return done ? 0 : 1;
}

}  // namespace
}  // namespace ei::bench

int main() { return ei::bench::Run(); }
