#include "adapters/http/request_parser.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "adapters/http/header_text.h"
#include "event/traceparent.h"

namespace ei::http {

namespace beast = boost::beast::http;

namespace {

// The shortest end of a chunked body, "0\r\n\r\n". Beast's parser must not be given fewer bytes at a time.
constexpr size_t kLastChunkBytes = 5;
constexpr size_t kTargetBytesMax = 8 << 10;

// The prefix of the headers that carry the attributes of an event in the binary mode of CloudEvents.
constexpr std::string_view kCloudEventPrefix = "ce-";

// Chunk headers and extensions may be as large as a header, and this many bytes more for each byte of the
// body. A chunk of one byte has five bytes of overhead.
constexpr size_t kOverheadPerByteMax = 8;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Whether a field's value spans more than one line (obs-fold, RFC 9112 section 5.2). Beast then unfolds it
// into a separate buffer, or, if the first line is empty, leaves the line break between name and value.
bool IsFolded(std::string_view input, std::string_view name, std::string_view value) {
  const char* const end = input.data() + input.size();
  const char* const name_end = name.data() + name.size();
  const char* const from = value.empty() ? name_end : value.data();
  if (from < name_end || from >= end) return true;
  if (std::find(name_end, from, '\r') != from) return true;
  const char* const line_end = std::find(from, end, '\r');
  return end - line_end > 2 && (line_end[2] == ' ' || line_end[2] == '\t');
}

// Where a line ends with LF alone, Beast's parser doesn't fail but continues to search for CR LF.
bool HasBareLineFeed(std::string_view lines) {
  for (size_t at = lines.find('\n'); at != std::string_view::npos; at = lines.find('\n', at + 1)) {
    if (at == 0 || lines[at - 1] != '\r') return true;
  }
  return false;
}

void TakeCredential(std::string_view value, Request& request, std::string& credential) {
  request.credential_repeated |= !credential.empty();
  credential = value;
}

boost::beast::error_code Refused() { return beast::make_error_code(beast::error::bad_value); }

}  // namespace

void RequestParser::Restart() {
  parser_ = &storage_.emplace(*this);
  parser_->header_limit(static_cast<std::uint32_t>(header_bytes_max_));
  parser_->body_limit(body_bytes_max_);
  request_.Clear();
  header_bytes_ = 0;
  chunk_overhead_ = 0;
  chunk_left_ = 0;
  header_done_ = false;
  target_too_long_ = false;
  has_host_ = false;
  has_length_ = false;
}

RequestParser::Step RequestParser::Fail(ParseFault fault) {
  fault_ = fault;
  return {ParseStatus::kFailed, 0};
}

RequestParser::Step RequestParser::ParseHeader(std::string_view input) {
  // A robust server skips an empty line before a request (RFC 9112, section 2.2).
  if (header_bytes_ == 0 && input.starts_with("\r\n")) return {ParseStatus::kNeedMore, 2};
  if (input.empty() || (header_bytes_ == 0 && input == "\r")) return {ParseStatus::kNeedMore, 0};
  boost::beast::error_code error;
  input_ = input;
  parser_->eager(false);
  const size_t consumed = parser_->put(boost::asio::const_buffer(input.data(), input.size()), error);
  header_bytes_ += consumed;
  if (parser_->is_header_done()) {
    if (error == beast::error::body_limit) return Fail(ParseFault::kBodyTooLarge);
    if (error && error != beast::error::need_more) return Fail(ParseFault::kMalformed);
    if (header_bytes_ > header_bytes_max_) return Fail(ParseFault::kHeadersTooLarge);
    header_done_ = true;
    return {ParseStatus::kHeaderDone, consumed};
  }
  if (target_too_long_) return Fail(ParseFault::kTargetTooLong);
  if (error == beast::error::header_limit) return Fail(ParseFault::kHeadersTooLarge);
  if (error == beast::error::body_limit) return Fail(ParseFault::kBodyTooLarge);
  if (error && error != beast::error::need_more) return Fail(ParseFault::kMalformed);
  if (header_bytes_ + input.size() - consumed > header_bytes_max_) return Fail(ParseFault::kHeadersTooLarge);
  if (HasBareLineFeed(input.substr(consumed))) return Fail(ParseFault::kMalformed);
  return {ParseStatus::kNeedMore, consumed};
}

RequestParser::Step RequestParser::ParseChunks(std::string_view input, std::string& body) {
  if (input.size() < kLastChunkBytes) {
    if (chunk_left_ == 0 && HasBareLineFeed(input)) return Fail(ParseFault::kMalformed);
    return {ParseStatus::kNeedMore, 0};
  }
  boost::beast::error_code error;
  input_ = input;
  body_ = &body;
  parser_->eager(true);
  const size_t body_before = body.size();
  const size_t consumed = parser_->put(boost::asio::const_buffer(input.data(), input.size()), error);
  chunk_overhead_ += consumed - (body.size() - body_before);
  if (chunk_overhead_ > header_bytes_max_ + kOverheadPerByteMax * body.size()) {
    return Fail(ParseFault::kHeadersTooLarge);
  }
  if (error == beast::error::body_limit) return Fail(ParseFault::kBodyTooLarge);
  if (error && error != beast::error::need_more) return Fail(ParseFault::kMalformed);
  if (parser_->is_done()) return {ParseStatus::kDone, consumed};
  // The remaining input is at most a chunk's header line or the trailers.
  if (input.size() - consumed > header_bytes_max_) return Fail(ParseFault::kHeadersTooLarge);
  if (chunk_left_ == 0 && HasBareLineFeed(input.substr(consumed))) return Fail(ParseFault::kMalformed);
  return {ParseStatus::kNeedMore, consumed};
}

void RequestParser::Callbacks::on_request_impl(beast::verb verb, Text, Text target, int version,
                                               Error& error) {
  Request& request = owner_.request_;
  owner_.target_too_long_ = target.size() > kTargetBytesMax;
  if (owner_.target_too_long_) {
    error = Refused();
    return;
  }
  request.method = verb == beast::verb::get    ? Method::kGet
                   : verb == beast::verb::head ? Method::kHead
                   : verb == beast::verb::post ? Method::kPost
                                               : Method::kOther;
  request.route = ParseRoute(View(target));
  request.ack = ParseRequestedAck(View(target));
  request.http_1_0 = version < 11;
}

void RequestParser::Callbacks::on_field_impl(beast::field field, Text name, Text text, Error& error) {
  if (owner_.header_done_) return;  // trailers are ignored
  const std::string_view value = View(text);
  const std::string_view input = owner_.input_;
  if (IsFolded(input, View(name), value)) {
    error = Refused();
    return;
  }
  Request& request = owner_.request_;
  switch (field) {
    case beast::field::host:
      if (owner_.has_host_) error = Refused();
      owner_.has_host_ = true;
      break;
    case beast::field::content_length: {
      const bool digits = value.find_first_not_of("0123456789") == std::string_view::npos;
      if (!digits || owner_.has_length_) error = Refused();
      owner_.has_length_ = true;
      break;
    }
    case beast::field::transfer_encoding:
      if (!EqualsIgnoreCase(value, "chunked") || request.http_1_0) error = Refused();
      break;
    case beast::field::content_type:
      request.media_type =
          request.media_type == MediaType::kNone ? ParseMediaType(value) : MediaType::kUnknown;
      break;
    case beast::field::content_encoding: request.encoded |= !IsIdentity(value); break;
    case beast::field::expect:
      if (request.http_1_0) break;  // HTTP/1.0 has no expectations (RFC 9110, section 10.1.1)
      request.expects_continue |= EqualsIgnoreCase(value, "100-continue");
      request.unknown_expectation |= !value.empty() && !EqualsIgnoreCase(value, "100-continue");
      break;
    case beast::field::content_range: request.partial = true; break;
    case beast::field::prefer: owner_.OnPrefer(value); break;
    case beast::field::accept:
      request.accepts_openmetrics |= value.find("application/openmetrics-text") != std::string_view::npos;
      break;
    case beast::field::authorization: TakeCredential(value, request, request.authorization); break;
    case beast::field::unknown:
      if (EqualsIgnoreCase(View(name), "X-API-Key")) TakeCredential(value, request, request.api_key);
      if (EqualsIgnoreCase(View(name), "X-Request-ID") && IsRequestId(value)) request.request_id = value;
      if (EqualsIgnoreCase(View(name), "traceparent") && IsTraceparent(value)) request.traceparent = value;
      if (EqualsIgnoreCase(View(name), "X-Event-Key")) request.key = value;
      if (EqualsIgnoreCase(View(name), "X-Forwarded-For")) {
        if (!request.forwarded_for.empty()) request.forwarded_for.push_back(',');
        request.forwarded_for.append(value);
      }
      request.cloud_event |=
          EqualsIgnoreCase(View(name).substr(0, kCloudEventPrefix.size()), kCloudEventPrefix);
      break;
    default: break;
  }
}

void RequestParser::Callbacks::on_header_impl(Error& error) {
  Request& request = owner_.request_;
  request.keep_alive = keep_alive();
  request.chunked = chunked();
  if (owner_.has_length_) request.content_length = content_length().value();
  if (!owner_.has_host_ && !request.http_1_0) error = Refused();
}

std::size_t RequestParser::Callbacks::on_chunk_body_impl(std::uint64_t, Text body, Error& error) {
  if (owner_.body_->size() + body.size() > owner_.body_bytes_max_) {
    error = beast::make_error_code(beast::error::body_limit);
    return 0;
  }
  owner_.body_->append(body.data(), body.size());
  owner_.chunk_left_ -= std::min<std::uint64_t>(owner_.chunk_left_, body.size());
  return body.size();
}

void RequestParser::OnPrefer(std::string_view value) {
  while (!value.empty()) {
    std::string_view preference = TakeUntilUnquoted(value, ',');
    std::string_view token = TakeUntilUnquoted(preference, ';');
    const std::string_view name = Trim(TakeUntil(token, '='));
    const std::string_view requested = Unquote(Trim(token));
    if (EqualsIgnoreCase(name, "handling") && EqualsIgnoreCase(requested, "strict"))
      request_.handling_strict = true;
    if (EqualsIgnoreCase(name, "return") && EqualsIgnoreCase(requested, "representation"))
      request_.representation = true;
  }
}

}  // namespace ei::http
