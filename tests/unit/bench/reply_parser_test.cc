#include "bench/reply_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::bench {
namespace {

ReplyHead Parsed(std::string_view received) {
  const auto head = ParseReplyHead(received);
  EXPECT_TRUE(head) << received;
  EXPECT_TRUE(head && *head) << "incomplete: " << received;
  return head && *head ? **head : ReplyHead{};
}

TEST(ReplyParser, HeadInAnyNumberOfPiecesIsIncompleteUntilItsLastByte) {
  const std::string reply =
      "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 31\r\n\r\n";
  for (std::size_t size = 0; size < reply.size(); ++size) {
    const auto head = ParseReplyHead(std::string_view(reply).substr(0, size));
    ASSERT_TRUE(head) << size;
    EXPECT_FALSE(*head) << size;
  }
  const ReplyHead head = Parsed(reply + "{\"status\":");
  EXPECT_EQ(head.status, 202);
  EXPECT_EQ(head.head_bytes, reply.size());
  EXPECT_EQ(head.body_bytes, 31U);
  EXPECT_FALSE(head.close);
  EXPECT_FALSE(head.retry_after);
}

TEST(ReplyParser, NamesAndCloseAreReadInAnyCaseAndSpacing) {
  const ReplyHead head = Parsed(
      "HTTP/1.1 429 Too Many Requests\r\ncontent-LENGTH:  7 \r\nconnection:Close\r\nretry-after: 3\r\n\r\n");
  EXPECT_EQ(head.status, 429);
  EXPECT_EQ(head.body_bytes, 7U);
  EXPECT_TRUE(head.close);
  EXPECT_EQ(head.retry_after, std::chrono::seconds(3));
}

TEST(ReplyParser, ReasonMayBeEmpty) {
  EXPECT_EQ(Parsed("HTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n").status, 202);
  EXPECT_EQ(Parsed("HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n").status, 202);
}

TEST(ReplyParser, RetryAfterAsADateCountsAsAbsent) {
  EXPECT_FALSE(Parsed("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                      "Retry-After: Fri, 31 Dec 2027 23:59:59 GMT\r\n\r\n")
                   .retry_after);
}

TEST(ReplyParser, InterimReplyHasNoBody) {
  const ReplyHead head = Parsed("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(head.status, 100);
  EXPECT_EQ(head.body_bytes, 0U);
}

TEST(ReplyParser, ReplyWithoutContentLengthIsRefused) {
  EXPECT_FALSE(ParseReplyHead("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

TEST(ReplyParser, OtherProtocolsAndBrokenHeadsAreRefused) {
  EXPECT_FALSE(ParseReplyHead("HTTP/1.0 202 Accepted\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(ParseReplyHead("HTTP/1.1 2x2 Accepted\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(ParseReplyHead("HTTP/1.1 700 Accepted\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(ParseReplyHead("HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n"));
  EXPECT_FALSE(ParseReplyHead("HTTP/1.1 202 Accepted\r\nContent-Length: 1, 1\r\n\r\n"));
  EXPECT_FALSE(ParseReplyHead("HTTP/1.1 202 Accepted\r\nContent-Length 1\r\n\r\n"));
}

TEST(ReplyParser, EndlessHeadIsRefusedAtTheLimit) {
  const std::string start = "HTTP/1.1 202 Accepted\r\n";
  EXPECT_TRUE(ParseReplyHead(start + std::string(kReplyHeadBytesMax - start.size() - 1, 'x')));
  EXPECT_FALSE(ParseReplyHead(start + std::string(kReplyHeadBytesMax - start.size(), 'x')));
}

TEST(RefusedIndices, AreReadInOrderWhateverTheMessagesSay) {
  const auto indices = ParseRefusedIndices(
      R"({"accepted":8,"rejected":2,"errors":[{"index":7,"id":"\"index\":3","code":"empty_type",)"
      R"("message":"\"errors\":[ and \"index\":5"},{"index":0,"code":"malformed_json","message":"x"}]})",
      10);
  ASSERT_TRUE(indices) << indices.error().message;
  EXPECT_EQ(*indices, (std::vector<std::uint32_t>{0, 7}));
}

TEST(RefusedIndices, AreNoneWhenTheListIsEmpty) {
  const auto indices = ParseRefusedIndices(R"({"accepted":1,"rejected":0,"errors":[]})", 1);
  ASSERT_TRUE(indices);
  EXPECT_TRUE(indices->empty());
}

TEST(RefusedIndices, OutsideTheRequestOrRepeatedAreAFault) {
  EXPECT_FALSE(ParseRefusedIndices(R"({"errors":[{"index":2}]})", 2));
  EXPECT_FALSE(ParseRefusedIndices(R"({"errors":[{"index":1},{"index":1}]})", 2));
  EXPECT_FALSE(ParseRefusedIndices(R"({"errors":[{"index":-1}]})", 2));
  EXPECT_FALSE(ParseRefusedIndices(R"({"errors":[{"index":)", 2));
  EXPECT_FALSE(ParseRefusedIndices(R"({"accepted":2})", 2));
}

}  // namespace
}  // namespace ei::bench
