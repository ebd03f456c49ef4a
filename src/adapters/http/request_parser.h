#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

#include "adapters/http/request.h"

namespace ei::http {

enum class ParseStatus : uint8_t { kNeedMore, kHeaderDone, kDone, kFailed };

enum class ParseFault : uint8_t { kMalformed, kTargetTooLong, kHeadersTooLarge, kBodyTooLarge };

// Parses one request's header, and a chunked body, into a Request. A body with a Content-Length is left to
// the caller, which has its bytes in one piece. Boost.Beast's parser checks the grammar. This class also
// rejects input that Beast accepts but that could make two servers disagree about where a request ends:
// repeated lengths, a Transfer-Encoding other than chunked, folded lines, a missing or repeated Host.
//
// Each connection has one. Call Restart before each request.
class RequestParser {
 public:
  RequestParser(size_t header_bytes_max, size_t body_bytes_max)
      : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {}

  void Restart();

  struct Step {
    ParseStatus status;
    size_t consumed;  // bytes at the front of `input` that have been parsed
  };

  // Call it until it returns kHeaderDone or kFailed. `input` begins with the bytes that the previous call
  // didn't consume.
  Step ParseHeader(std::string_view input);

  // Call it after kHeaderDone for a chunked body, until it returns kDone or kFailed. Appends to `body`.
  Step ParseChunks(std::string_view input, std::string& body);

  Request& Current() { return request_; }
  const Request& Current() const { return request_; }
  ParseFault Fault() const { return fault_; }

 private:
  class Callbacks final : public boost::beast::http::basic_parser<true> {
   public:
    explicit Callbacks(RequestParser& owner) : owner_(owner) {}

   private:
    using Error = boost::beast::error_code;
    using Text = boost::beast::string_view;
    void on_request_impl(boost::beast::http::verb verb, Text method, Text target, int version,
                         Error& error) override;
    void on_response_impl(int, Text, int, Error&) override {}
    void on_field_impl(boost::beast::http::field field, Text name, Text value, Error& error) override;
    void on_header_impl(Error& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(Text body, Error&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t size, Text, Error&) override { owner_.chunk_left_ = size; }
    std::size_t on_chunk_body_impl(std::uint64_t, Text body, Error& error) override;
    void on_finish_impl(Error&) override {}

    RequestParser& owner_;
  };

  Step Fail(ParseFault fault);
  void OnPrefer(std::string_view value);

  const size_t header_bytes_max_;
  const size_t body_bytes_max_;
  std::optional<Callbacks> storage_;  // a Beast parser can't be reused for another request
  Callbacks* parser_ = nullptr;
  Request request_;
  ParseFault fault_ = ParseFault::kMalformed;
  std::string_view input_;  // valid during a call; used to detect folded fields
  std::string* body_ = nullptr;
  size_t header_bytes_ = 0;
  size_t chunk_overhead_ = 0;  // bytes of chunk headers, line ends and trailers
  uint64_t chunk_left_ = 0;    // bytes of the current chunk that have not arrived
  bool header_done_ = false;
  bool target_too_long_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
};

}  // namespace ei::http
