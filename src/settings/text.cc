#include "settings/text.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <vector>

#include "adapters/http/client_address.h"
#include "event/topic_name.h"

namespace ei::service {
namespace {

using base::ErrorKind;
using base::Fail;
using base::Result;

constexpr std::size_t kPathBytesMax = 1024;  // leaves room for segment names below PATH_MAX
constexpr std::size_t kHostBytesMax = 253;   // DNS
constexpr std::size_t kBrokersMax = 100;
constexpr std::size_t kShortTextBytesMax = 1024;
constexpr std::size_t kAwsRegionBytesMax = 32;
constexpr std::size_t kPointerTokensMax = 16;
constexpr std::size_t kPointerBytesMax = 1024;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

bool IsControlByte(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool IsIpAddress(const std::string& text, int family) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return text.find('\0') == std::string::npos && inet_pton(family, text.c_str(), address.data()) == 1;
}

bool IsPort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  return fault == std::errc{} && end == text.data() + text.size() && port != 0;
}

bool IsHost(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    return IsIpAddress(std::string(text.substr(1, text.size() - 2)), AF_INET6);
  }
  return !text.empty() && text.size() <= kHostBytesMax && std::ranges::all_of(text, IsNameByte);
}

std::string_view WithoutSpaces(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The texts between the commas, without the spaces around them; an empty text has one, which is empty.
std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.push_back(WithoutSpaces(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::string> ReadIpAddress(std::string_view text) {
  std::string address(text);
  if (IsIpAddress(address, AF_INET) || IsIpAddress(address, AF_INET6)) return address;
  return Fail(ErrorKind::kInvalid, "is not an IP address (a host name is not looked up)");
}

Result<std::string> ReadNetworks(std::string_view text) {
  std::string list(text);
  std::erase(list, ' ');
  if (std::ranges::any_of(list, IsControlByte)) return Fail(ErrorKind::kInvalid, "holds a control character");
  if (const auto proxies = http::TrustedProxies::Parse(list); !proxies) {
    return Fail(ErrorKind::kInvalid, "is not a list of networks: " + proxies.error().message);
  }
  return list;
}

Result<std::string> ReadBrokers(std::string_view text) {
  std::string list;
  std::size_t count = 0;
  for (const std::string_view broker : SplitAtCommas(text)) {
    const std::size_t colon = broker.rfind(':');
    if (broker.empty() || colon == std::string_view::npos) {
      return Fail(ErrorKind::kInvalid, "is not a list of host:port, as in broker-1:9092,broker-2:9092");
    }
    if (!IsHost(broker.substr(0, colon)))
      return Fail(ErrorKind::kInvalid, "names a broker with a bad host name");
    if (!IsPort(broker.substr(colon + 1))) {
      return Fail(ErrorKind::kInvalid, "names a broker with a bad port (1 to 65535)");
    }
    if (++count > kBrokersMax) {
      return Fail(ErrorKind::kInvalid,
                  fmt::format("names more than {} brokers; a few are enough", kBrokersMax));
    }
    if (!list.empty()) list += ',';
    list += broker;
  }
  return list;
}

Result<std::string> ReadAuthMethods(std::string_view text) {
  constexpr std::array<std::string_view, 3> kMethods = {"keys", "jwt", "mtls"};
  if (text == "none") return std::string(text);
  std::array<bool, kMethods.size()> named{};
  for (const std::string_view name : SplitAtCommas(text)) {
    const auto* const method = std::ranges::find(kMethods, name);
    if (method == kMethods.end()) return Fail(ErrorKind::kInvalid, "is not a list of known methods");
    named[static_cast<std::size_t>(method - kMethods.begin())] = true;
  }
  std::string list;
  for (std::size_t i = 0; i < kMethods.size(); ++i) {
    if (!named[i]) continue;
    if (!list.empty()) list += ',';
    list += kMethods[i];
  }
  return list;
}

Result<std::string> ReadTopic(std::string_view text) {
  if (text.empty()) return Fail(ErrorKind::kInvalid, "is empty");
  if (text == "." || text == "..") return Fail(ErrorKind::kInvalid, "is a name that Kafka does not allow");
  if (text.size() > kTopicNameBytesMax) {
    return Fail(ErrorKind::kInvalid, fmt::format("is longer than {} characters", kTopicNameBytesMax));
  }
  if (!std::ranges::all_of(text, IsNameByte)) {
    return Fail(ErrorKind::kInvalid, "has a character that Kafka does not allow in a topic name");
  }
  return std::string(text);
}

Result<std::string> ReadKafkaKey(std::string_view text) {
  if (text == "id" || text == "none" || text == "header") return std::string(text);
  if (!text.starts_with('/')) {
    return Fail(ErrorKind::kInvalid, "is not id, none, header, or a JSON Pointer, which starts with /");
  }
  if (text.size() > kPointerBytesMax) {
    return Fail(ErrorKind::kInvalid, fmt::format("is longer than {} bytes", kPointerBytesMax));
  }
  if (std::ranges::count(text, '/') > static_cast<std::ptrdiff_t>(kPointerTokensMax)) {
    return Fail(ErrorKind::kInvalid, fmt::format("has more than {} tokens", kPointerTokensMax));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsControlByte(text[i])) return Fail(ErrorKind::kInvalid, "has a control character");
    if (text[i] != '~') continue;
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) {
      return Fail(ErrorKind::kInvalid, "has a ~ that is not followed by 0 or 1 (RFC 6901: ~0 is ~, ~1 is /)");
    }
  }
  return std::string(text);
}

Result<std::string> ReadPath(std::string_view text) {
  if (text.empty()) return Fail(ErrorKind::kInvalid, "is empty");
  if (text.size() > kPathBytesMax) {
    return Fail(ErrorKind::kInvalid, fmt::format("is longer than {} bytes", kPathBytesMax));
  }
  if (std::ranges::any_of(text, IsControlByte)) return Fail(ErrorKind::kInvalid, "has a control character");
  return std::string(text);
}

Result<std::string> ReadOptionalPath(std::string_view text) {
  return text.empty() ? std::string() : ReadPath(text);
}

Result<std::string> ReadShortText(std::string_view text) {
  if (text.size() > kShortTextBytesMax) {
    return Fail(ErrorKind::kInvalid, fmt::format("is longer than {} bytes", kShortTextBytesMax));
  }
  if (std::ranges::any_of(text, IsControlByte)) return Fail(ErrorKind::kInvalid, "has a control character");
  return std::string(text);
}

Result<std::string> ReadTokenUrl(std::string_view text) {
  if (text.empty()) return std::string();
  if (auto fault = ReadShortText(text); !fault) return fault;
  std::string_view rest = text;
  const bool plain = rest.starts_with("http://");
  if (!plain && !rest.starts_with("https://")) return Fail(ErrorKind::kInvalid, "is not an https:// URL");
  rest.remove_prefix(rest.find("//") + 2);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::string_view host = authority.substr(0, authority.rfind(':'));
  if (!IsHost(host)) return Fail(ErrorKind::kInvalid, "has a bad host name");
  if (host.size() < authority.size() && !IsPort(authority.substr(host.size() + 1))) {
    return Fail(ErrorKind::kInvalid, "has a bad port (1 to 65535)");
  }
  if (plain && host != "localhost" && host != "127.0.0.1") {
    return Fail(ErrorKind::kInvalid, "would send the client secret without encryption; use https://");
  }
  if (text.find_first_of(" #") != std::string_view::npos) {
    return Fail(ErrorKind::kInvalid, "has a space or a fragment (#)");
  }
  return std::string(text);
}

Result<std::string> ReadExtensions(std::string_view text) {
  if (auto fault = ReadShortText(text); !fault) return fault;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    const std::string_view name = pair.substr(0, pair.find('='));
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (name.empty() || name.size() == pair.size() || !std::ranges::all_of(name, is_letter)) {
      return Fail(ErrorKind::kInvalid, "is not a list of name=value with names of letters");
    }
    if (name == "auth") return Fail(ErrorKind::kInvalid, "names auth, which is reserved for the token");
  }
  return std::string(text);
}

Result<std::string> ReadAwsRegion(std::string_view text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (text.size() > kAwsRegionBytesMax || !std::ranges::all_of(text, allowed)) {
    return Fail(ErrorKind::kInvalid, "is not the name of a region, as in eu-central-1");
  }
  return std::string(text);
}

}  // namespace ei::service
