#include "adapters/tokens/url.h"

#include <algorithm>

namespace ei::tokens {

base::Result<Url> ParseUrl(std::string_view text) {
  const auto fail = [&] {
    return base::Fail(base::ErrorKind::kInvalid, "is not a URL: " + std::string(text.substr(0, 80)));
  };
  // Such bytes could end the request line or the host in it.
  if (std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c >= 0x7f; })) return fail();
  Url url;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://")) return fail();
  text.remove_prefix(text.find("//") + 2);
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, end);
  if (authority.find('@') != std::string_view::npos) return fail();
  std::string_view target = text.substr(end);
  target = target.substr(0, target.find('#'));
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  url.port = url.tls ? "443" : "80";
  if (const size_t colon = authority.rfind(':');
      colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    url.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  url.host = authority;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (url.host.empty() || url.port.empty() || !std::ranges::all_of(url.port, is_digit)) return fail();
  return url;
}

}  // namespace ei::tokens
