#pragma once

#include <string>
#include <string_view>

#include "adapters/http/request_parser.h"

namespace ei::http {

// Parses one request in the way that a connection does: bytes arrive in pieces, and the parser is called as
// long as it makes progress.
class ParsedRequest {
 public:
  explicit ParsedRequest(size_t header_bytes_max = 16 << 10, size_t body_bytes_max = 1 << 20)
      : parser_(header_bytes_max, body_bytes_max) {
    parser_.Restart();
  }

  void Feed(std::string_view bytes) {
    // Moves the bytes to new memory each time, as a growing read buffer does, so that ASan detects a view
    // that is kept too long.
    std::string moved = pending_;
    moved.append(bytes);
    pending_ = std::move(moved);
    while (end_.empty() && Advance()) {
    }
  }

  // "taken", "incomplete", or the fault.
  std::string End() const { return end_.empty() ? "incomplete" : end_; }
  bool HeaderDone() const { return header_done_; }
  const std::string& Body() const { return body_; }
  const std::string& Rest() const { return pending_; }
  Request& Head() { return parser_.Current(); }

  // Everything that the service would see of the request, to compare two ways of parsing it.
  std::string Summary() {
    const Request& head = parser_.Current();
    std::string text = End() + "|rest=" + pending_;
    if (end_ != "taken") return End();
    text += "|method=" + std::to_string(static_cast<int>(head.method));
    text += "|route=" + std::to_string(static_cast<int>(head.route));
    text += "|type=" + std::to_string(static_cast<int>(head.media_type));
    text += "|flags=";
    for (const bool flag :
         {head.keep_alive, head.http_1_0, head.expects_continue, head.unknown_expectation, head.encoded,
          head.handling_strict, head.representation, head.accepts_openmetrics, head.chunked}) {
      text += flag ? '1' : '0';
    }
    text += "|length=" + (head.content_length ? std::to_string(*head.content_length) : "none");
    return text + "|id=" + head.request_id + "|trace=" + head.traceparent + "|body=" + body_;
  }

 private:
  // Makes one step. Returns false if more bytes are needed or parsing has ended.
  bool Advance() {
    if (!header_done_) {
      if (pending_.empty()) return false;
      const auto [status, consumed] = parser_.ParseHeader(pending_);
      pending_.erase(0, consumed);
      if (status == ParseStatus::kFailed) return Fail();
      header_done_ = status == ParseStatus::kHeaderDone;
      return header_done_ || consumed > 0;
    }
    const Request& head = parser_.Current();
    if (head.chunked) {
      const auto [status, consumed] = parser_.ParseChunks(pending_, body_);
      pending_.erase(0, consumed);
      if (status == ParseStatus::kFailed) return Fail();
      if (status == ParseStatus::kDone) end_ = "taken";
      return false;
    }
    const size_t length = head.content_length.value_or(0);
    if (pending_.size() < length) return false;
    body_ = pending_.substr(0, length);
    pending_.erase(0, length);
    end_ = "taken";
    return false;
  }

  bool Fail() {
    switch (parser_.Fault()) {
      case ParseFault::kMalformed: end_ = "malformed"; break;
      case ParseFault::kHeadersTooLarge: end_ = "headers_too_large"; break;
      case ParseFault::kTargetTooLong: end_ = "target_too_long"; break;
      case ParseFault::kBodyTooLarge: end_ = "body_too_large"; break;
    }
    return false;
  }

  RequestParser parser_;
  std::string pending_;
  std::string body_;
  std::string end_;
  bool header_done_ = false;
};

}  // namespace ei::http
