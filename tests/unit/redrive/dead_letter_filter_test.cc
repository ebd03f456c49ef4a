#include "redrive/dead_letter_filter.h"

#include <gtest/gtest.h>

#include "adapters/json/event_decoder.h"
#include "delivery/dead_letter_headers.h"
#include "event/timestamp.h"
#include "redrive/dead_letter_stats.h"

namespace ei {
namespace {

const RedriveRules kRules{"events", "events-dlq", 3, {"t", std::string(249, 'x')}};

DeadLetterRecord DeadLetter(std::string code, std::string topic, std::string value = "{}") {
  DeadLetterRecord dead_letter;
  dead_letter.value = std::move(value);
  if (!code.empty()) dead_letter.headers.emplace_back(kDlqCode, std::move(code));
  if (!topic.empty()) dead_letter.headers.emplace_back(kDlqTopic, std::move(topic));
  return dead_letter;
}

class DeadLetterFilterTest : public testing::Test {
 protected:
  bool Matches(const DeadLetterFilter& filter, const DeadLetterRecord& dead_letter) {
    return filter.Matches(dead_letter, *decoder_);
  }
  std::unique_ptr<EventDecoder> decoder_ = json::MakeEventDecoder({});
};

TEST_F(DeadLetterFilterTest, EmptyMeansAll) {
  EXPECT_TRUE(Matches({}, DeadLetter("a", "t")));
  EXPECT_TRUE(Matches({}, {}));
}

TEST_F(DeadLetterFilterTest, AllKindsHaveToMatchAndOneValueOfEach) {
  const DeadLetterRecord dead_letter = DeadLetter("a", "t", R"({"type":"order","id":"o-1"})");
  EXPECT_TRUE(Matches({.codes = {"b", "a"}, .topics = {"t"}, .types = {"order"}, .ids = {"o-2", "o-1"}},
                      dead_letter));
  EXPECT_FALSE(Matches({.codes = {"b"}, .topics = {"t"}}, dead_letter));
  EXPECT_FALSE(Matches({.codes = {"a"}, .topics = {"u"}}, dead_letter));
  EXPECT_FALSE(Matches({.types = {"orders"}}, dead_letter));
  EXPECT_FALSE(Matches({.types = {"order"}, .ids = {"o-2"}}, dead_letter));
}

TEST_F(DeadLetterFilterTest, EscapesInTheEventAreRead) {
  EXPECT_TRUE(Matches({.ids = {"A\n"}}, DeadLetter("a", "t", R"({"type":"x","id":"\u0041\n"})")));
}

TEST_F(DeadLetterFilterTest, AValueThatIsNoEventHasNeitherTypeNorId) {
  for (const char* value : {"", "no JSON", "[]", R"([{"type":"x","id":"i"}])", "17"}) {
    EXPECT_FALSE(Matches({.types = {"x"}}, DeadLetter("a", "t", value))) << value;
    EXPECT_FALSE(Matches({.ids = {"i"}}, DeadLetter("a", "t", value))) << value;
    EXPECT_TRUE(Matches({.codes = {"a"}}, DeadLetter("a", "t", value))) << value;
  }
}

TEST_F(DeadLetterFilterTest, TimesAreThoseOfTheFailureOrElseOfTheRecord) {
  const auto noon = ParseTimestamp("2026-01-31T12:00:00Z");
  const auto one = ParseTimestamp("2026-01-31T13:00:00Z");
  DeadLetterRecord dead_letter = DeadLetter("a", "t");
  dead_letter.stored_at = *noon;
  EXPECT_TRUE(Matches({.since = noon, .until = one}, dead_letter));
  EXPECT_FALSE(Matches({.since = one}, dead_letter));
  EXPECT_FALSE(Matches({.until = noon}, dead_letter));
  dead_letter.headers.emplace_back(kDlqFailedAt, "2026-01-31T13:00:00.000Z");
  EXPECT_FALSE(Matches({.until = one}, dead_letter));
  EXPECT_TRUE(Matches({.since = one}, dead_letter));
}

TEST(DeadLetterJudge, GoesToTheTopicThatRejectedItOrElseToTheDefaultOne) {
  EXPECT_EQ(Judge(DeadLetter("a", "t"), kRules), RedriveFault::kNone);
  EXPECT_EQ(TopicOf(DeadLetter("a", "t"), kRules), "t");
  EXPECT_EQ(Judge(DeadLetter("a", ""), kRules), RedriveFault::kNone);
  EXPECT_EQ(TopicOf(DeadLetter("a", ""), kRules), "events");
}

TEST(DeadLetterJudge, KnowsWhatCannotBeSentBack) {
  EXPECT_EQ(Judge(DeadLetter("", "t"), kRules), RedriveFault::kForeign);
  for (const char* topic : {"events-dlq", ".", "..", "a b", "\xc3\xa4", "a/b", "__consumer_offsets",
                            "__transaction_state", "_schemas"}) {
    EXPECT_EQ(Judge(DeadLetter("a", topic), kRules), RedriveFault::kBadTopic) << topic;
  }
  EXPECT_EQ(Judge(DeadLetter("a", std::string(249, 'x')), kRules), RedriveFault::kNone);
  EXPECT_EQ(Judge(DeadLetter("a", std::string(250, 'x')), kRules), RedriveFault::kBadTopic);
  DeadLetterRecord reference = DeadLetter("a", "t");
  reference.headers.emplace_back(kDlqReference, "dead-letters-1.ndjson:0");
  EXPECT_EQ(Judge(reference, kRules), RedriveFault::kReference);
}

TEST(DeadLetterJudge, TheAuthorOfADeadLetterDoesNotDecideWhereItGoes) {
  EXPECT_EQ(Judge(DeadLetter("a", "payments"), kRules), RedriveFault::kNotRouted);
  EXPECT_EQ(Judge(DeadLetter("a", "events"), kRules), RedriveFault::kNone);
}

TEST(DeadLetterJudge, TheLoopGuardCountsRedrives) {
  for (const auto& [count, fault] : {std::pair{"0", RedriveFault::kNone},
                                     {"2", RedriveFault::kNone},
                                     {"3", RedriveFault::kTooOften},
                                     {"18446744073709551615", RedriveFault::kTooOften},
                                     {"", RedriveFault::kNone},
                                     {"junk", RedriveFault::kNone}}) {
    DeadLetterRecord dead_letter = DeadLetter("a", "t");
    dead_letter.headers.emplace_back(kDlqRedrives, count);
    EXPECT_EQ(Judge(dead_letter, kRules), fault) << count;
  }
}

TEST(DeadLetterStats, CountsByCodeAndTopic) {
  DeadLetterStats groups;
  DeadLetterRecord early = DeadLetter("a", "t", "12345");
  early.key = "123";
  early.headers.emplace_back(kDlqFailedAt, "2026-01-31T12:00:00Z");
  DeadLetterRecord late = DeadLetter("a", "t", "1");
  late.headers.emplace_back(kDlqFailedAt, "2026-01-31T13:00:00Z");
  groups.Add(late);
  groups.Add(early);
  groups.Add(DeadLetter("b", "t"));
  groups.Add(DeadLetter("", ""));
  ASSERT_EQ(groups.Groups().size(), 3U);
  const DeadLetterStats::Group& group = groups.Groups().at({"a", "t"});
  EXPECT_EQ(group.dead_letters, 2U);
  EXPECT_EQ(group.bytes, 9U);
  EXPECT_EQ(group.oldest, ParseTimestamp("2026-01-31T12:00:00Z"));
  EXPECT_EQ(group.newest, ParseTimestamp("2026-01-31T13:00:00Z"));
  EXPECT_EQ(groups.Total().dead_letters, 4U);
}

TEST(DeadLetterStats, AreBounded) {
  DeadLetterStats groups;
  const size_t many = DeadLetterStats::kGroupsMax + 100;
  for (size_t i = 0; i < many; ++i) groups.Add(DeadLetter(std::to_string(i), "t"));
  EXPECT_EQ(groups.Groups().size(), DeadLetterStats::kGroupsMax + 1);
  EXPECT_EQ(groups.Groups().at({DeadLetterStats::kOther, DeadLetterStats::kOther}).dead_letters, 100U);
  EXPECT_EQ(groups.Total().dead_letters, many);
}

}  // namespace
}  // namespace ei
