#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ei::bench {

struct ReplyHead {
  int status = 0;
  std::size_t head_bytes = 0;  // status line, headers and the empty line
  std::size_t body_bytes = 0;
  bool close = false;  // the server closes the connection after this reply
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
};

// Parses one reply's head at the front of `received`. Returns an empty value while the head is incomplete,
// and an error if it is not what a load run expects: not HTTP/1.1, no Content-Length (a chunked body, for
// example), or longer than kReplyHeadBytesMax. Keeps no state: call again from the head's start when more
// data has arrived.
inline constexpr std::size_t kReplyHeadBytesMax = 16UZ * 1024;
base::Result<std::optional<ReplyHead>> ParseReplyHead(std::string_view received);

// The positions in the request of the events that a batch reply (207) rejected, from its "errors" array. An
// error if the body has no such array, or a position is `events` or more, or occurs twice.
base::Result<std::vector<std::uint32_t>> ParseRefusedIndices(std::string_view body, std::uint32_t events);

}  // namespace ei::bench
