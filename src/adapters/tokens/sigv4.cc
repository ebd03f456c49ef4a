#include "adapters/tokens/sigv4.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "adapters/tokens/encoding.h"

namespace ei::tokens {

namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

// 20130524T000000Z
std::string BasicTime(base::WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text.data();
}

std::string CanonicalQuery(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name;
    text += '=';
    text += value;
  }
  return text;
}

}  // namespace

std::string SigningKey(const std::string& secret, const std::string& day, const std::string& region,
                       const std::string& service) {
  const std::string of_day = HmacSha256("AWS4" + secret, day);
  return HmacSha256(HmacSha256(HmacSha256(of_day, region), service), "aws4_request");
}

std::string Presign(const PresignedGet& request, const AwsCredentials& credentials, base::WallTime now) {
  const std::string time = BasicTime(now);
  const std::string day = time.substr(0, 8);
  const std::string scope = day + "/" + request.region + "/" + request.service + "/aws4_request";
  auto query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", credentials.access_key_id + "/" + scope);
  query.emplace_back("X-Amz-Date", time);
  query.emplace_back("X-Amz-Expires", std::to_string(request.valid.count()));
  query.emplace_back("X-Amz-SignedHeaders", "host");
  if (!credentials.session_token.empty()) {
    query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  const std::string canonical_query = CanonicalQuery(query);
  const std::string canonical = "GET\n" + request.path + "\n" + canonical_query + "\nhost:" + request.host +
                                "\n\nhost\n" + request.payload_hash;
  const std::string to_sign =
      std::string(kAlgorithm) + "\n" + time + "\n" + scope + "\n" + Hex(Sha256(canonical));
  const std::string key = SigningKey(credentials.secret_access_key, day, request.region, request.service);
  return "https://" + request.host + request.path + "?" + canonical_query +
         "&X-Amz-Signature=" + Hex(HmacSha256(key, to_sign));
}

}  // namespace ei::tokens
