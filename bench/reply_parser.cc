#include "bench/reply_parser.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace ei::bench {
namespace {

using base::ErrorKind;
using base::Fail;

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <typename Number>
std::optional<Number> WholeNumber(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

base::Result<std::optional<ReplyHead>> ParseReplyHead(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > kReplyHeadBytesMax) {
    if (received.size() < kReplyHeadBytesMax) return std::nullopt;
    return Fail(ErrorKind::kInvalid, "a reply's head is longer than " + std::to_string(kReplyHeadBytesMax));
  }
  std::string_view lines = received.substr(0, end + 2);

  constexpr std::string_view kVersion = "HTTP/1.1 ";
  const auto status =
      lines.starts_with(kVersion) ? WholeNumber<int>(lines.substr(kVersion.size(), 3)) : std::nullopt;
  if (!status || *status < 100 || *status > 599) {
    return Fail(ErrorKind::kInvalid, "not an HTTP/1.1 status line: " + std::string(lines.substr(0, 40)));
  }
  ReplyHead head{.status = *status, .head_bytes = end + 4};
  bool sized = *status < 200 || *status == 204;

  for (lines.remove_prefix(lines.find("\r\n") + 2); !lines.empty();) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return Fail(ErrorKind::kInvalid, "a header without a colon: " + std::string(line));
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = Trimmed(line.substr(colon + 1));
    if (SameName(name, "content-length")) {
      const auto length = WholeNumber<std::size_t>(value);
      if (!length) return Fail(ErrorKind::kInvalid, "a bad Content-Length: " + std::string(value));
      head.body_bytes = *length;
      sized = true;
    } else if (SameName(name, "connection")) {
      head.close = SameName(value, "close");
    } else if (SameName(name, "retry-after")) {
      // The other form of Retry-After, a date, is not used by this service; it is treated as absent.
      if (const auto seconds = WholeNumber<std::uint32_t>(value)) {
        head.retry_after = std::chrono::seconds(*seconds);
      }
    }
  }
  if (!sized) return Fail(ErrorKind::kInvalid, "a reply without Content-Length");
  return head;
}

base::Result<std::vector<std::uint32_t>> ParseRefusedIndices(std::string_view body, std::uint32_t events) {
  // No JSON string can contain this text: its quotes would be escaped there.
  constexpr std::string_view kErrors = "\"errors\":[";
  constexpr std::string_view kIndex = "\"index\":";
  std::size_t at = body.find(kErrors);
  if (at == std::string_view::npos) return Fail(ErrorKind::kInvalid, "a batch reply without \"errors\"");

  std::vector<std::uint32_t> indices;
  for (at = body.find(kIndex, at); at != std::string_view::npos; at = body.find(kIndex, at)) {
    at += kIndex.size();
    const std::size_t digits = body.find_first_not_of("0123456789", at);
    const auto index = WholeNumber<std::uint32_t>(body.substr(at, digits == body.npos ? 0 : digits - at));
    if (!index || *index >= events) {
      return Fail(ErrorKind::kInvalid, "a batch reply with a bad index: " + std::string(body.substr(at, 12)));
    }
    indices.push_back(*index);
  }
  std::ranges::sort(indices);
  if (std::ranges::adjacent_find(indices) != indices.end()) {
    return Fail(ErrorKind::kInvalid, "a batch reply that names one index twice");
  }
  return indices;
}

}  // namespace ei::bench
