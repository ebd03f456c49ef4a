#include "adapters/kafka/native/link.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/native/sasl.h"
#include "unit/adapters/kafka/native/versions_answer.h"

namespace ei::kafka::native {
namespace {

using std::chrono::seconds;
using wire::Api;
using wire::ErrorCode;

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() : link_({}, At(0)) {}

  static base::SteadyTime At(int second) { return base::SteadyTime(seconds(100 + second)); }
  void Give(const std::string& bytes, int second = 0) {
    link_.OnBytes(bytes, At(second), [this](const Link::Request& request, std::string_view body) {
      answers_.emplace_back(request.context, body);
    });
  }
  void Write() {
    while (!link_.Take().Empty()) link_.OnWritten();
  }
  void MakeReady() {
    link_.OnConnected(At(0));
    Write();
    Give(Framed(0, VersionsBody(4, ErrorCode::kNone)));
    ASSERT_TRUE(link_.Ready());
  }
  void Ask(uint64_t context, int second = 0) {
    link_.Send(Api::kInitProducerId, seconds(5), context, At(second),
               [](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                 wire::AppendInitProducerId(out, header);
               });
  }

  Link link_;
  std::vector<std::pair<uint64_t, std::string>> answers_;
};

TEST_F(LinkTest, AnOldBrokerIsAskedAgainWithItsVersion) {
  link_.OnConnected(At(0));
  Write();
  Give(Framed(0, VersionsBody(0, ErrorCode::kUnsupportedVersion)));
  EXPECT_FALSE(link_.Ready());
  Write();
  Give(Framed(1, VersionsBody(0, ErrorCode::kNone, 9)));
  EXPECT_TRUE(link_.Ready());
  EXPECT_EQ(link_.VersionOf(Api::kProduce), 9);
  EXPECT_EQ(link_.VersionOf(Api::kDescribeProducers), std::nullopt);
}

TEST_F(LinkTest, ABrokerBeforeKafka21IsUnsupported) {
  link_.OnConnected(At(0));
  Write();
  Give(Framed(0, VersionsBody(4, ErrorCode::kNone, 6)));
  ASSERT_TRUE(link_.Ended());
  EXPECT_EQ(link_.EndCause(), Link::End::kUnsupported);
}

TEST_F(LinkTest, AnswersComeInTheirOrderInAnyPieces) {
  MakeReady();
  Ask(11);
  Ask(12);
  Write();
  const std::string both = Framed(1, "first") + Framed(2, "second");
  for (const char byte : both) Give(std::string(1, byte));
  EXPECT_EQ(answers_, (std::vector<std::pair<uint64_t, std::string>>{{11, "first"}, {12, "second"}}));
}

TEST_F(LinkTest, WhatIsNoAnswerEndsIt) {
  const std::vector<std::string> odd = {
      "HTTP/1.1 400 Bad Request\r\n\r\n",                // a web server
      std::string("\x15\x03\x03\0\x02\x02\x46\0\0", 9),  // TLS
      Framed(7, "x"),                                    // another request's
      std::string("\0\0\0\0\0\0\0\1", 8),                // shorter than its header
      std::string("\x7f\xff\xff\xff\0\0\0\1", 8),
  };
  for (const std::string& bytes : odd) {
    Link link({}, At(0));
    link.OnConnected(At(0));
    while (!link.Take().Empty()) link.OnWritten();
    link.OnBytes(bytes, At(0), [](const Link::Request&, std::string_view) { FAIL(); });
    ASSERT_TRUE(link.Ended());
    EXPECT_EQ(link.EndCause(), Link::End::kProtocolError);
  }
}

TEST_F(LinkTest, AnAnswerToAnUnwrittenRequestIsAProtocolError) {
  MakeReady();
  Ask(11);
  Give(Framed(1, "first"));
  ASSERT_TRUE(link_.Ended());
  EXPECT_TRUE(answers_.empty());
  EXPECT_EQ(link_.Requests().size(), 1U);
}

TEST_F(LinkTest, TheFirstMayBeAnsweredWhileTheNextIsBeingWritten) {
  MakeReady();
  Ask(11);
  Ask(12);
  ASSERT_FALSE(link_.Take().Empty());
  link_.OnWritten();
  ASSERT_FALSE(link_.Take().Empty());
  Give(Framed(1, "first"));
  EXPECT_FALSE(link_.Ended());
  ASSERT_EQ(answers_.size(), 1U);
  link_.OnWritten();
  Give(Framed(2, "second"));
  EXPECT_EQ(answers_.size(), 2U);
}

TEST_F(LinkTest, APauseIsNoPartOfTheWait) {
  MakeReady();
  link_.Hold(At(20));
  Ask(11, 1);
  link_.Check(At(24));
  EXPECT_FALSE(link_.Ended());
  EXPECT_EQ(link_.NextCheck(), At(25));
  EXPECT_EQ(link_.Unanswered(At(22)).front().waited, seconds(2));
}

TEST_F(LinkTest, ATimeOutCountsFromWhenTheOneBeforeWasAnswered) {
  MakeReady();
  Ask(11);
  Ask(12);
  Write();
  Give(Framed(1, "first"), 4);
  link_.Check(At(8));
  EXPECT_FALSE(link_.Ended());
  EXPECT_EQ(link_.NextCheck(), At(9));
  link_.Check(At(9));
  ASSERT_TRUE(link_.Ended());
  EXPECT_EQ(link_.EndCause(), Link::End::kTimedOut);
}

TEST_F(LinkTest, NoTimeOutRunsWhileTheBrokerReadsNothing) {
  MakeReady();
  Ask(11);
  Write();
  link_.Hold(At(20));
  link_.Check(At(24));
  EXPECT_FALSE(link_.Ended());
  link_.Check(At(25));
  EXPECT_TRUE(link_.Ended());
}

TEST_F(LinkTest, ALoginIsRenewedBeforeTheBrokerEndsIt) {
  Link::Options options;
  options.mechanism = "PLAIN";
  options.make_sasl = [] { return MakePlain("user", "password"); };
  Link link(options, At(0));
  int32_t next = 0;
  const auto give = [&](const std::string& body, int second) {
    while (!link.Take().Empty()) link.OnWritten();
    link.OnBytes(Framed(next++, body), At(second), [](const Link::Request&, std::string_view) { FAIL(); });
  };
  link.OnConnected(At(0));
  give(VersionsBody(4, ErrorCode::kNone), 0);
  give(HandshakeBody(), 0);
  EXPECT_FALSE(link.Ready());
  give(LoginBody(ErrorCode::kNone, 100'000), 0);
  ASSERT_TRUE(link.Ready());
  EXPECT_EQ(link.NextCheck(), At(90));

  link.Check(At(90));
  EXPECT_FALSE(link.MaySend(At(90))) << "no other request may be sent meanwhile";
  give(HandshakeBody(), 90);
  give(LoginBody(ErrorCode::kNone, 10'000), 90);
  EXPECT_TRUE(link.MaySend(At(90)));
  EXPECT_EQ(link.Logins(), 2U);
  EXPECT_EQ(link.NextCheck(), At(99));

  link.Check(At(99));
  give(HandshakeBody(), 99);
  give(LoginBody(ErrorCode::kNone, 500), 99);
  EXPECT_FALSE(link.MaySend(At(100))) << "the session is over, and may not be renewed yet";
  EXPECT_EQ(link.NextCheck(), At(99) + Link::kRenewalInterval);

  link.Check(At(101));
  give(HandshakeBody(), 101);
  give(LoginBody(ErrorCode::kSaslAuthenticationFailed, 0), 101);
  ASSERT_TRUE(link.Ended());
  EXPECT_EQ(link.EndCause(), Link::End::kLoginRejected);
  EXPECT_EQ(link.Logins(), 3U) << "so the owner knows that this was a renewal";
}

TEST_F(LinkTest, AConnectionIsUsedAsSoonAsItIsMade) {
  link_.OnConnected(At(4));
  EXPECT_EQ(link_.Now(), Link::State::kVersions);
  link_.OnConnected(At(5));
  EXPECT_EQ(link_.Requests().size(), 1U) << "asked once";
  EXPECT_EQ(link_.NextCheck(), At(14));
  link_.Check(At(14));
  ASSERT_TRUE(link_.Ended());
  EXPECT_EQ(link_.Reason(), "a request was not answered in time");
}

TEST_F(LinkTest, AConnectTimeoutEndsTheLink) {
  EXPECT_EQ(link_.NextCheck(), At(10));
  link_.Check(At(10));
  ASSERT_TRUE(link_.Ended());
  EXPECT_EQ(link_.EndCause(), Link::End::kTimedOut);
}

}  // namespace
}  // namespace ei::kafka::native
