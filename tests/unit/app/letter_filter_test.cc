#include "app/letter_filter.h"

#include <gtest/gtest.h>

#include "adapters/json/event_decoder.h"
#include "app/dead_letter_headers.h"
#include "app/letter_groups.h"
#include "domain/timestamp.h"

namespace ei::app {
namespace {

const RedriveRules kRules{"events", "events-dlq", 3, {"t", std::string(249, 'x')}};

StoredLetter Letter(std::string code, std::string topic, std::string value = "{}") {
  StoredLetter letter;
  letter.value = std::move(value);
  if (!code.empty()) letter.headers.emplace_back(kDlqCode, std::move(code));
  if (!topic.empty()) letter.headers.emplace_back(kDlqTopic, std::move(topic));
  return letter;
}

class LetterFilterTest : public testing::Test {
 protected:
  bool Matches(const LetterFilter& filter, const StoredLetter& letter) {
    return filter.Matches(letter, *decoder_);
  }
  std::unique_ptr<EventDecoder> decoder_ = json::MakeEventDecoder({});
};

TEST_F(LetterFilterTest, EmptyMeansAll) {
  EXPECT_TRUE(Matches({}, Letter("a", "t")));
  EXPECT_TRUE(Matches({}, {}));
}

TEST_F(LetterFilterTest, AllKindsHaveToMatchAndOneValueOfEach) {
  const StoredLetter letter = Letter("a", "t", R"({"type":"order","id":"o-1"})");
  EXPECT_TRUE(
      Matches({.codes = {"b", "a"}, .topics = {"t"}, .types = {"order"}, .ids = {"o-2", "o-1"}}, letter));
  EXPECT_FALSE(Matches({.codes = {"b"}, .topics = {"t"}}, letter));
  EXPECT_FALSE(Matches({.codes = {"a"}, .topics = {"u"}}, letter));
  EXPECT_FALSE(Matches({.types = {"orders"}}, letter));
  EXPECT_FALSE(Matches({.types = {"order"}, .ids = {"o-2"}}, letter));
}

TEST_F(LetterFilterTest, EscapesInTheEventAreRead) {
  EXPECT_TRUE(Matches({.ids = {"A\n"}}, Letter("a", "t", R"({"type":"x","id":"\u0041\n"})")));
}

TEST_F(LetterFilterTest, WhatIsNoEventHasNeitherTypeNorId) {
  for (const char* value : {"", "no JSON", "[]", R"([{"type":"x","id":"i"}])", "17"}) {
    EXPECT_FALSE(Matches({.types = {"x"}}, Letter("a", "t", value))) << value;
    EXPECT_FALSE(Matches({.ids = {"i"}}, Letter("a", "t", value))) << value;
    EXPECT_TRUE(Matches({.codes = {"a"}}, Letter("a", "t", value))) << value;
  }
}

TEST_F(LetterFilterTest, TimesAreThoseOfTheFailureOrElseOfTheRecord) {
  const auto noon = domain::ParseTimestamp("2026-01-31T12:00:00Z");
  const auto one = domain::ParseTimestamp("2026-01-31T13:00:00Z");
  StoredLetter letter = Letter("a", "t");
  letter.stored_at = *noon;
  EXPECT_TRUE(Matches({.since = noon, .until = one}, letter));
  EXPECT_FALSE(Matches({.since = one}, letter));
  EXPECT_FALSE(Matches({.until = noon}, letter));
  letter.headers.emplace_back(kDlqFailedAt, "2026-01-31T13:00:00.000Z");
  EXPECT_FALSE(Matches({.until = one}, letter));
  EXPECT_TRUE(Matches({.since = one}, letter));
}

TEST(LetterJudge, GoesToTheTopicThatRefusedItOrElseToTheUsualOne) {
  EXPECT_EQ(Judge(Letter("a", "t"), kRules), LetterFault::kNone);
  EXPECT_EQ(TopicOf(Letter("a", "t"), kRules), "t");
  EXPECT_EQ(Judge(Letter("a", ""), kRules), LetterFault::kNone);
  EXPECT_EQ(TopicOf(Letter("a", ""), kRules), "events");
}

TEST(LetterJudge, KnowsWhatCannotBeSentBack) {
  EXPECT_EQ(Judge(Letter("", "t"), kRules), LetterFault::kForeign);
  for (const char* topic : {"events-dlq", ".", "..", "a b", "\xc3\xa4", "a/b", "__consumer_offsets",
                            "__transaction_state", "_schemas"}) {
    EXPECT_EQ(Judge(Letter("a", topic), kRules), LetterFault::kBadTopic) << topic;
  }
  EXPECT_EQ(Judge(Letter("a", std::string(249, 'x')), kRules), LetterFault::kNone);
  EXPECT_EQ(Judge(Letter("a", std::string(250, 'x')), kRules), LetterFault::kBadTopic);
  StoredLetter reference = Letter("a", "t");
  reference.headers.emplace_back(kDlqReference, "dead-letters-1.ndjson:0");
  EXPECT_EQ(Judge(reference, kRules), LetterFault::kReference);
}

TEST(LetterJudge, WhoeverWroteTheLetterDoesNotDecideWhereItGoes) {
  EXPECT_EQ(Judge(Letter("a", "payments"), kRules), LetterFault::kNotRouted);
  EXPECT_EQ(Judge(Letter("a", "events"), kRules), LetterFault::kNone);
}

TEST(LetterJudge, TheLoopGuardCountsRedrives) {
  for (const auto& [count, fault] : {std::pair{"0", LetterFault::kNone},
                                     {"2", LetterFault::kNone},
                                     {"3", LetterFault::kTooOften},
                                     {"18446744073709551615", LetterFault::kTooOften},
                                     {"", LetterFault::kNone},
                                     {"junk", LetterFault::kNone}}) {
    StoredLetter letter = Letter("a", "t");
    letter.headers.emplace_back(kDlqRedrives, count);
    EXPECT_EQ(Judge(letter, kRules), fault) << count;
  }
}

TEST(LetterGroups, CountsByCodeAndTopic) {
  LetterGroups groups;
  StoredLetter early = Letter("a", "t", "12345");
  early.key = "123";
  early.headers.emplace_back(kDlqFailedAt, "2026-01-31T12:00:00Z");
  StoredLetter late = Letter("a", "t", "1");
  late.headers.emplace_back(kDlqFailedAt, "2026-01-31T13:00:00Z");
  groups.Add(late);
  groups.Add(early);
  groups.Add(Letter("b", "t"));
  groups.Add(Letter("", ""));
  ASSERT_EQ(groups.Groups().size(), 3U);
  const LetterGroups::Group& group = groups.Groups().at({"a", "t"});
  EXPECT_EQ(group.letters, 2U);
  EXPECT_EQ(group.bytes, 9U);
  EXPECT_EQ(group.oldest, domain::ParseTimestamp("2026-01-31T12:00:00Z"));
  EXPECT_EQ(group.newest, domain::ParseTimestamp("2026-01-31T13:00:00Z"));
  EXPECT_EQ(groups.Total().letters, 4U);
}

TEST(LetterGroups, AreBounded) {
  LetterGroups groups;
  const size_t many = LetterGroups::kGroupsMax + 100;
  for (size_t i = 0; i < many; ++i) groups.Add(Letter(std::to_string(i), "t"));
  EXPECT_EQ(groups.Groups().size(), LetterGroups::kGroupsMax + 1);
  EXPECT_EQ(groups.Groups().at({LetterGroups::kOther, LetterGroups::kOther}).letters, 100U);
  EXPECT_EQ(groups.Total().letters, many);
}

}  // namespace
}  // namespace ei::app
