#include "adapters/http/request_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/random.h"
#include "unit/adapters/http/parsed_request.h"

namespace ei::http {
namespace {

using namespace std::string_literals;

std::string EndOf(std::string_view wire) {
  ParsedRequest request;
  request.Feed(wire);
  return request.End();
}

// A request with these header lines, each with its line end, between the first line and the empty one.
std::string Post(std::string_view lines, std::string_view body = {}) {
  return "POST /events HTTP/1.1\r\n" + std::string(lines) + "\r\n" + std::string(body);
}

std::string Chunked(std::string_view body) { return Post("Host: a\r\nTransfer-Encoding: chunked\r\n", body); }

struct Case {
  std::string what;
  std::string wire;
};

TEST(RequestParser, RequestsOfRfc9112AreTaken) {
  const std::vector<Case> cases = {
      {"no body", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"HTTP/1.0 without a host", "GET /livez HTTP/1.0\r\n\r\n"},
      {"an empty host", "GET /livez HTTP/1.1\r\nHost:\r\n\r\n"},
      {"a host with a port", "GET /livez HTTP/1.1\r\nHost: example.org:8080\r\n\r\n"},
      {"no space after the colon", "GET /livez HTTP/1.1\r\nHost:a\r\n\r\n"},
      {"tabs and spaces around a value", "GET /livez HTTP/1.1\r\nHost: \t a \t \r\n\r\n"},
      {"names in any case", "GET /livez HTTP/1.1\r\nhOsT: a\r\n\r\n"},
      {"an empty value", "GET /livez HTTP/1.1\r\nHost: a\r\nX-Empty:\r\n\r\n"},
      {"bytes above 0x7f in a value", "GET /livez HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n"},
      {"a tab within a value", "GET /livez HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n"},
      {"the odd characters of a token", "GET /livez HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~1: x\r\n\r\n"},
      {"an unknown method", "BREW /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a query", "GET /metrics?a=b&c=%20 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target in absolute form", "GET http://example.org/livez HTTP/1.1\r\nHost: example.org\r\n\r\n"},
      {"the server as the target", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"an authority as the target", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a target of 8 KiB", "GET /" + std::string((8 << 10) - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"an empty line before the request", "\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two empty lines before it", "\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a length of 0", Post("Host: a\r\nContent-Length: 0\r\n")},
      {"a length with leading zeros", Post("Host: a\r\nContent-Length: 0003\r\n", "abc")},
      {"a body", Post("Host: a\r\nContent-Length: 3\r\n", "abc")},
      {"a body of any bytes", Post("Host: a\r\nContent-Length: 4\r\n", "\0\r\n\xff"s)},
      {"a body of the largest size",
       Post("Host: a\r\nContent-Length: 1048576\r\n", std::string(1 << 20, 'b'))},
      {"many headers", Post([] {
         std::string lines = "Host: a\r\n";
         for (int i = 0; i < 500; ++i) lines += "X-" + std::to_string(i) + ": v\r\n";
         return lines;
       }())},
      {"chunks", Chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")},
      {"no chunk but the last", Chunked("0\r\n\r\n")},
      {"hex digits in both cases", Chunked("A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n")},
      {"a size with leading zeros", Chunked("0003\r\nabc\r\n0000\r\n\r\n")},
      {"a chunk extension", Chunked("3;a=b\r\nabc\r\n0;c\r\n\r\n")},
      {"a quoted chunk extension", Chunked("3;a=\"b;c\"\r\nabc\r\n0\r\n\r\n")},
      {"trailers", Chunked("3\r\nabc\r\n0\r\nX-Check: 1\r\nX-More: 2\r\n\r\n")},
      {"the coding in any case", Post("Host: a\r\nTransfer-Encoding: Chunked\r\n", "0\r\n\r\n")},
      {"chunks whose sum is the largest size",
       Chunked("80000\r\n" + std::string(0x80000, 'c') + "\r\n80000\r\n" + std::string(0x80000, 'c') +
               "\r\n0\r\n\r\n")},
  };
  for (const Case& one : cases) EXPECT_EQ(EndOf(one.wire), "taken") << one.what;
}

TEST(RequestParser, FirstLinesThatAreNotHttpAreRefused) {
  const std::vector<Case> cases = {
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no method", " /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no version", "GET /events\r\nHost: a\r\n\r\n"},
      {"two spaces", "GET  /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a space in the target", "GET /ev ents HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a space after the version", "GET /events HTTP/1.1 \r\nHost: a\r\n\r\n"},
      {"a tab for the space", "GET\t/events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a separator in the method", "GE/T /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a control character in the method", "G\x01T /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"NUL in the method", "G\0T /events HTTP/1.1\r\nHost: a\r\n\r\n"s},
      {"NUL in the target", "GET /ev\0ents HTTP/1.1\r\nHost: a\r\n\r\n"s},
      {"DEL in the target", "GET /ev\x7f HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"HTTP/2.0", "GET /events HTTP/2.0\r\nHost: a\r\n\r\n"},
      {"HTTP/1.2", "GET /events HTTP/1.2\r\nHost: a\r\n\r\n"},
      {"HTTP/0.9", "GET /events HTTP/0.9\r\nHost: a\r\n\r\n"},
      {"HTTP/1.10", "GET /events HTTP/1.10\r\nHost: a\r\n\r\n"},
      {"http/1.1", "GET /events http/1.1\r\nHost: a\r\n\r\n"},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s},
      {"a bare LF after the first line", "GET /events HTTP/1.1\nHost: a\r\n\r\n"},
      {"a bare CR after the first line", "GET /events HTTP/1.1\rHost: a\r\n\r\n"},
      {"a space before the request", " GET /events HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"an empty line of LF before the request", "\nGET /events HTTP/1.1\r\nHost: a\r\n\r\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(EndOf(one.wire), "malformed") << one.what;
}

TEST(RequestParser, HeaderLinesThatTwoServersCouldReadDifferentlyAreRefused) {
  const std::vector<Case> cases = {
      {"a bare LF after a line", Post("Host: a\nX: b\r\n")},
      {"a bare LF for the empty line", "GET /livez HTTP/1.1\r\nHost: a\r\n\nGET / HTTP/1.1\r\n\r\n"},
      {"a bare CR within a value", Post("Host: a\r\nX: b\rc\r\n")},
      {"a CR at the end of a value", Post("Host: a\r\nX: b\r\r\n")},
      {"NUL in a value", Post("Host: a\r\nX: b\0c\r\n"s)},
      {"NUL in a name", Post("Host: a\r\nX\0Y: b\r\n"s)},
      {"a control character in a value", Post("Host: a\r\nX: b\x01\r\n")},
      {"DEL in a value", Post("Host: a\r\nX: b\x7f\r\n")},
      {"a space before the colon", Post("Host: a\r\nContent-Length : 3\r\n", "abc")},
      {"a space before the name", Post(" Host: a\r\n")},
      {"no name", Post("Host: a\r\n: b\r\n")},
      {"no colon", Post("Host: a\r\nnonsense\r\n")},
      {"a folded value", Post("Host: a\r\nX: b\r\n c\r\n")},
      {"a value folded by a tab", Post("Host: a\r\nX: b\r\n\tc\r\n")},
      {"a value that begins after a fold", Post("Host: a\r\nX:\r\n c\r\n")},
      {"a value that begins after two folds", Post("Host: a\r\nX: \r\n \r\n\tc\r\n")},
      {"a fold with nothing in it", Post("Host: a\r\nX: b\r\n \r\n")},
      {"nothing but folds", Post("Host: a\r\nX:\r\n \r\n")},
      {"a folded length", Post("Host: a\r\nContent-Length:\r\n 3\r\n", "abc")},
      {"a folded transfer coding", Post("Host: a\r\nTransfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")},
      {"a folded host", Post("Host:\r\n a\r\n")},
      {"no host", Post("X: a\r\n")},
      {"two hosts", Post("Host: a\r\nHost: a\r\n")},
      {"two hosts that differ", Post("Host: a\r\nHost: b\r\n")},
      {"two hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(EndOf(one.wire), "malformed") << one.what;
}

TEST(RequestParser, LengthsThatAreNotOneNumberAreRefused) {
  const std::vector<Case> cases = {
      {"the same length twice", Post("Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n", "abc")},
      {"two lengths", Post("Host: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n", "abcd")},
      {"the same in a list", Post("Host: a\r\nContent-Length: 3, 3\r\n", "abc")},
      {"a list of two", Post("Host: a\r\nContent-Length: 3,4\r\n", "abc")},
      {"a trailing comma", Post("Host: a\r\nContent-Length: 3,\r\n", "abc")},
      {"a plus sign", Post("Host: a\r\nContent-Length: +3\r\n", "abc")},
      {"a minus sign", Post("Host: a\r\nContent-Length: -3\r\n", "abc")},
      {"minus zero", Post("Host: a\r\nContent-Length: -0\r\n")},
      {"hex", Post("Host: a\r\nContent-Length: 0x3\r\n", "abc")},
      {"a fraction", Post("Host: a\r\nContent-Length: 3.0\r\n", "abc")},
      {"an exponent", Post("Host: a\r\nContent-Length: 3e0\r\n", "abc")},
      {"two numbers", Post("Host: a\r\nContent-Length: 3 3\r\n", "abc")},
      {"quotes", Post("Host: a\r\nContent-Length: \"3\"\r\n", "abc")},
      {"nothing", Post("Host: a\r\nContent-Length:\r\n")},
      {"letters", Post("Host: a\r\nContent-Length: three\r\n", "abc")},
      {"2 to the 64th", Post("Host: a\r\nContent-Length: 18446744073709551616\r\n")},
      {"2 to the 64th plus 3", Post("Host: a\r\nContent-Length: 18446744073709551619\r\n", "abc")},
      {"a thousand digits", Post("Host: a\r\nContent-Length: " + std::string(1000, '9') + "\r\n")},
  };
  for (const Case& one : cases) EXPECT_EQ(EndOf(one.wire), "malformed") << one.what;
}

TEST(RequestParser, TransferCodingsOtherThanOneChunkedAreRefused) {
  const std::string end = "0\r\n\r\n";
  const std::vector<Case> cases = {
      {"a length before it", Post("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", end)},
      {"a length after it", Post("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", end)},
      {"a length of 0 with it", Post("Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n", end)},
      {"gzip", Post("Host: a\r\nTransfer-Encoding: gzip\r\n", end)},
      {"identity", Post("Host: a\r\nTransfer-Encoding: identity\r\n")},
      {"nothing", Post("Host: a\r\nTransfer-Encoding:\r\n")},
      {"gzip, chunked", Post("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", end)},
      {"chunked, gzip", Post("Host: a\r\nTransfer-Encoding: chunked, gzip\r\n", end)},
      {"chunked, chunked", Post("Host: a\r\nTransfer-Encoding: chunked, chunked\r\n", end)},
      {"chunked on two lines",
       Post("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", end)},
      {"gzip and chunked on two lines",
       Post("Host: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", end)},
      {"chunked and identity on two lines",
       Post("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", end)},
      {"a trailing comma", Post("Host: a\r\nTransfer-Encoding: chunked,\r\n", end)},
      {"a leading comma", Post("Host: a\r\nTransfer-Encoding: ,chunked\r\n", end)},
      {"a parameter", Post("Host: a\r\nTransfer-Encoding: chunked;a=b\r\n", end)},
      {"xchunked", Post("Host: a\r\nTransfer-Encoding: xchunked\r\n", end)},
      {"a vertical tab", Post("Host: a\r\nTransfer-Encoding: \vchunked\r\n", end)},
      {"quotes", Post("Host: a\r\nTransfer-Encoding: \"chunked\"\r\n", end)},
      {"HTTP/1.0", "POST /events HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + end},
  };
  for (const Case& one : cases) EXPECT_EQ(EndOf(one.wire), "malformed") << one.what;
}

TEST(RequestParser, BrokenChunksAreRefused) {
  const std::vector<Case> cases = {
      {"no size", Chunked("\r\nabc\r\n0\r\n\r\n")},
      {"a size that isn't hex", Chunked("g\r\nabc\r\n0\r\n\r\n")},
      {"a plus sign", Chunked("+3\r\nabc\r\n0\r\n\r\n")},
      {"a minus sign", Chunked("-3\r\nabc\r\n0\r\n\r\n")},
      {"0x", Chunked("0x3\r\nabc\r\n0\r\n\r\n")},
      {"a space before the size", Chunked(" 3\r\nabc\r\n0\r\n\r\n")},
      {"a space after the size", Chunked("3 \r\nabc\r\n0\r\n\r\n")},
      {"a bare LF after the size", Chunked("3\nabc\r\n0\r\n\r\n")},
      {"a bare CR after the size", Chunked("3\rabc\r\n0\r\n\r\n")},
      {"data longer than its size", Chunked("3\r\nabcd\r\n0\r\n\r\n")},
      {"data shorter than its size", Chunked("4\r\nabc\r\n0\r\n\r\n")},
      {"data that ends in a bare LF", Chunked("3\r\nabc\n0\r\n\r\n\r\n")},
      {"a size of 2 to the 64th", Chunked("10000000000000000\r\nabc\r\n0\r\n\r\n")},
      {"a size of 2 to the 64th plus 3", Chunked("10000000000000003\r\nabc\r\n0\r\n\r\n")},
      {"a last chunk of 2 to the 64th", Chunked("3\r\nabc\r\n10000000000000000\r\n\r\n")},
      {"an extension without its semicolon", Chunked("3 a=b\r\nabc\r\n0\r\n\r\n")},
      {"an extension without a name", Chunked("3;=b\r\nabc\r\n0\r\n\r\n")},
      {"NUL in an extension", Chunked("3;a\0b\r\nabc\r\n0\r\n\r\n"s)},
      {"a bare LF in an extension", Chunked("3;a\nb\r\nabc\r\n0\r\n\r\n")},
      {"a line end within quotes", Chunked("3;a=\"\r\nabc\r\n0\r\n\"\r\n\r\n")},
      {"a length among the trailers", Chunked("3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n")},
      {"a transfer coding among the trailers",
       Chunked("3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n")},
      {"a trailer that is no header", Chunked("3\r\nabc\r\n0\r\nnonsense\r\n\r\n")},
      {"NUL in a trailer", Chunked("3\r\nabc\r\n0\r\nX: \0\r\n\r\n"s)},
  };
  for (const Case& one : cases) EXPECT_EQ(EndOf(one.wire), "malformed") << one.what;
}

TEST(RequestParser, ALineThatEndsInABareLineFeedIsRefusedAsSoonAsItHasCome) {
  for (const std::string& wire :
       {"GET /livez HTTP/1.1\n"s, "GET /livez HTTP/1.1\r\nHost: a\n"s, "GET /livez HTTP/1.1\nHost: a\n\n"s,
        Chunked("3\n"), Chunked("3\nabc"), Chunked("c\n{\"type\":\"t\"}"), Chunked("3\r\nabc\r\n0\n"),
        Chunked("3\r\nabc\r\n0\n\n"), Chunked("3\r\nabc\n"), Chunked("0\r\nX: y\n")}) {
    EXPECT_EQ(EndOf(wire), "malformed") << wire;
  }
  for (const std::string& wire :
       {Chunked("3\r\n\n\n"), Chunked("6\r\na\nb\n\n"), Chunked("3\r\n\n\n\n\r\n")}) {
    EXPECT_EQ(EndOf(wire), "incomplete") << wire;
  }
}

TEST(RequestParser, SizesOverALimitAreRefusedAsSuch) {
  const std::vector<std::pair<Case, std::string>> cases = {
      {{"a length one over", Post("Host: a\r\nContent-Length: 1048577\r\n")}, "body_too_large"},
      {{"the largest number there is", Post("Host: a\r\nContent-Length: 18446744073709551615\r\n")},
       "body_too_large"},
      {{"a chunk one over", Chunked("100001\r\nabc")}, "body_too_large"},
      {{"the largest chunk there is", Chunked("ffffffffffffffff\r\nabc")}, "body_too_large"},
      {{"chunks whose sum is one over", Chunked("fffff\r\n" + std::string(0xfffff, 'c') + "\r\n2\r\nab")},
       "body_too_large"},
      {{"a header line without an end", Post("Host: a\r\nX: " + std::string(17 << 10, 'x'))},
       "headers_too_large"},
      {{"a name without an end", Post("Host: a\r\n" + std::string(17 << 10, 'x'))}, "headers_too_large"},
      {{"a method without an end", std::string(17 << 10, 'G')}, "headers_too_large"},
      {{"a target without an end", "GET /" + std::string(17 << 10, 'x')}, "headers_too_large"},
      {{"a target over 8 KiB", "GET /" + std::string(8 << 10, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
       "target_too_long"},
      {{"a chunk extension without an end", Chunked("3;" + std::string(17 << 10, 'x'))}, "headers_too_large"},
      {{"zeros without an end before a chunk's size", Chunked(std::string(17 << 10, '0'))},
       "headers_too_large"},
      {{"trailers without an end", Chunked([] {
          std::string trailers = "0\r\n";
          while (trailers.size() < (17 << 10)) trailers += "X: y\r\n";
          return trailers;
        }())},
       "headers_too_large"},
  };
  for (const auto& [one, end] : cases) EXPECT_EQ(EndOf(one.wire), end) << one.what;
}

// The bytes of chunk headers don't count towards the body's limit, so they need a separate limit.
TEST(RequestParser, AFloodOfChunkExtensionsIsRefused) {
  ParsedRequest request(16 << 10, 1 << 20);
  request.Feed(Chunked(""));
  const std::string chunk = "1;" + std::string(1000, 'x') + "\r\na\r\n";
  size_t sent = 0;
  while (request.End() == "incomplete" && sent < (size_t{64} << 20)) {
    request.Feed(chunk);
    sent += chunk.size();
  }
  EXPECT_NE(request.End(), "incomplete") << sent << " bytes for a body of " << request.Body().size();
}

std::string HeaderOf(size_t bytes) {
  std::string wire = "GET /livez HTTP/1.1\r\nHost: a\r\nX: ";
  wire.append(bytes - wire.size() - 4, 'x');
  return wire + "\r\n\r\n";
}

TEST(RequestParser, AHeaderOfExactlyTheLimitIsTakenHoweverItArrives) {
  constexpr size_t kLimit = 1024;
  const std::string exact = HeaderOf(kLimit);
  for (size_t split = 0; split <= kLimit; ++split) {
    ParsedRequest request(kLimit);
    request.Feed(exact.substr(0, split));
    request.Feed(exact.substr(split));
    ASSERT_EQ(request.End(), "taken") << "split at " << split;
  }
  ParsedRequest trickled(kLimit);
  for (const char c : exact) trickled.Feed({&c, 1});
  EXPECT_EQ(trickled.End(), "taken");
}

TEST(RequestParser, AHeaderOneByteOverTheLimitIsRefusedHoweverItArrives) {
  constexpr size_t kLimit = 1024;
  const std::string over = HeaderOf(kLimit + 1);
  for (size_t split = 0; split <= over.size(); ++split) {
    ParsedRequest request(kLimit);
    request.Feed(over.substr(0, split));
    request.Feed(over.substr(split));
    ASSERT_EQ(request.End(), "headers_too_large") << "split at " << split;
  }
  ParsedRequest trickled(kLimit);
  for (const char c : over) trickled.Feed({&c, 1});
  EXPECT_EQ(trickled.End(), "headers_too_large");
}

std::vector<std::string> ValidRequests() {
  return {
      "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /metrics?x=1 HTTP/1.0\r\n\r\n",
      "HEAD /readyz HTTP/1.0\r\nConnection: keep-alive\r\nAccept: application/openmetrics-text\r\n\r\n",
      "\r\nGET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      Post("Host: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\nX-Request-ID: r-1\r\n"
           "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
           "Prefer: handling=strict, return=representation\r\n",
           "{\"type\":\"t\"}"),
      Post("Host: a\r\nExpect: 100-continue\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n", "\r\n\r"),
      Post("Host: a\r\nExpect: other\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n",
           "4\r\n{}\r\n\r\n1;a=\"\\\"b\"\r\n\r\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\nZ: \r\n\r\n"),
      Chunked("1\r\na\r\n0\r\n\r\n"),
      Chunked("0\r\n\r\n"),
  };
}

TEST(RequestParser, EverySplitInTwoReadsTheSameAsOnePiece) {
  for (const std::string& valid : ValidRequests()) {
    const std::string wire = valid + "GET /next";
    ParsedRequest whole;
    whole.Feed(wire);
    ASSERT_EQ(whole.End(), "taken") << valid;
    ASSERT_EQ(whole.Rest(), "GET /next") << valid;
    for (size_t split = 1; split < wire.size(); ++split) {
      ParsedRequest request;
      request.Feed(wire.substr(0, split));
      request.Feed(wire.substr(split));
      ASSERT_EQ(request.Summary() + request.Rest(), whole.Summary() + whole.Rest())
          << "split at " << split << "\n"
          << wire;
    }
  }
}

TEST(RequestParser, ByteByByteReadsTheSameAsOnePiece) {
  for (const std::string& wire : ValidRequests()) {
    ParsedRequest whole;
    whole.Feed(wire);
    ParsedRequest request;
    for (const char c : wire) request.Feed({&c, 1});
    EXPECT_EQ(request.Summary(), whole.Summary()) << wire;
  }
}

TEST(RequestParser, RandomPiecesReadTheSameAsOnePiece) {
  support::Random random(support::SeedOr(5));
  const auto requests = ValidRequests();
  for (int round = 0; round < 3000; ++round) {
    const std::string& wire = requests[random.Below(requests.size())];
    ParsedRequest whole;
    whole.Feed(wire);
    ParsedRequest request;
    for (size_t at = 0; at < wire.size();) {
      const size_t size = random.Between(1, 9);
      request.Feed(std::string_view(wire).substr(at, size));
      at += size;
    }
    ASSERT_EQ(request.Summary(), whole.Summary()) << wire;
  }
}

// The way in which bytes arrive must not change their meaning, also for requests that are rejected.
TEST(RequestParser, BrokenRequestsAreRefusedByteByByteAsInOnePiece) {
  const std::vector<std::string> broken = {
      Post("Host: a\r\nX:\r\n c\r\n"),
      Post("Host: a\r\nX: b\r\n c\r\n"),
      Post("Host: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n", "abc"),
      Post("Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      Post("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      Post("X: y\r\n"),
      Chunked("3\r\nabcd\r\n0\r\n\r\n"),
      Chunked("3 \r\nabc\r\n0\r\n\r\n"),
      Chunked("3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n"),
      "GET /events HTTP/1.1\nHost: a\r\n\r\n",
  };
  for (const std::string& wire : broken) {
    ParsedRequest request;
    for (const char c : wire) request.Feed({&c, 1});
    EXPECT_EQ(request.End(), "malformed") << wire;
  }
}

TEST(RequestParser, AnyPrefixOfAValidRequestIsIncompleteAndNothingElse) {
  for (const std::string& wire : ValidRequests()) {
    for (size_t size = 0; size < wire.size(); ++size) {
      ParsedRequest request;
      request.Feed(wire.substr(0, size));
      ASSERT_EQ(request.End(), "incomplete") << size << " bytes of\n" << wire;
    }
  }
}

TEST(RequestParser, NothingIsLeftOverFromTheRequestBefore) {
  RequestParser parser(16 << 10, 1 << 20);
  parser.Restart();
  const std::string first = ValidRequests()[4];
  ASSERT_EQ(parser.ParseHeader(first).status, ParseStatus::kHeaderDone);
  EXPECT_EQ(parser.Current().request_id, "r-1");
  EXPECT_TRUE(parser.Current().handling_strict);
  parser.Restart();
  ASSERT_EQ(parser.ParseHeader("GET / HTTP/1.0\r\n\r\n").status, ParseStatus::kHeaderDone);
  const Request& second = parser.Current();
  EXPECT_TRUE(second.request_id.empty());
  EXPECT_TRUE(second.traceparent.empty());
  EXPECT_FALSE(second.handling_strict);
  EXPECT_FALSE(second.representation);
  EXPECT_FALSE(second.content_length.has_value());
  EXPECT_EQ(second.media_type, MediaType::kNone);
  EXPECT_FALSE(second.keep_alive);
}

}  // namespace
}  // namespace ei::http
