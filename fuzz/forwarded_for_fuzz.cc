// Evaluates arbitrary X-Forwarded-For headers: the client found is an address that is not a trusted proxy's,
// and text before that address in the header does not change the result.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/http/client_address.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void Check(const ei::http::TrustedProxies& proxies, std::string_view forwarded_for) {
  const auto client = proxies.ClientIn(forwarded_for);
  if (!client) return;
  Require(!proxies.Contains(*client));
  Require(proxies.ClientIn("203.0.113.7, " + std::string(forwarded_for)) == client);
  Require(proxies.ClientIn("made up," + std::string(forwarded_for)) == client);
  const std::string identity = ei::http::IdentityOf(*client);
  Require(identity.size() == 4 || identity.size() == 8);
  Require(!client->to_string().empty());
}

}  // namespace

// The first line is the value of the setting, the rest the header.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto usual = ei::http::TrustedProxies::Parse("10.0.0.0/8, 2001:db8::/32").value();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\n');
  const std::string_view header = end == std::string_view::npos ? input : input.substr(end + 1);
  Check(usual, header);
  const auto appended = usual.ClientIn(std::string(header) + ", 10.1.2.3");
  Require(appended == usual.ClientIn(header));

  const auto proxies = ei::http::TrustedProxies::Parse(input.substr(0, end));
  if (proxies) Check(*proxies, header);
  if (!proxies) Require(!proxies.error().message.empty());
  return 0;
}
