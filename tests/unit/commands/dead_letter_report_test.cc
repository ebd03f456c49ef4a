#include "commands/dead_letter_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "delivery/dead_letter_headers.h"
#include "event/timestamp.h"
#include "settings/humanize.h"

namespace ei::service {
namespace {

const base::WallTime kNow = *ParseTimestamp("2026-01-31T12:00:00Z");

DeadLetterStats Groups(const std::vector<std::pair<std::string, std::string>>& dead_letters) {
  DeadLetterStats groups;
  for (const auto& [code, topic] : dead_letters) {
    DeadLetterRecord dead_letter;
    dead_letter.value = "{}";
    dead_letter.headers = {{std::string(kDlqCode), code},
                           {std::string(kDlqTopic), topic},
                           {std::string(kDlqFailedAt), "2026-01-31T11:00:00Z"}};
    groups.Add(dead_letter);
  }
  return groups;
}

TEST(DeadLetterReportTest, ATableHasALineAGroupAndOneForAll) {
  EXPECT_EQ(GroupTable(Groups({{"too_large", "orders"}, {"too_large", "orders"}, {"", ""}}), kNow),
            "code       topic   records  bytes     oldest     newest\n"
            "-          -             1    2 B  1h 0m ago  1h 0m ago\n"
            "too_large  orders        2    4 B  1h 0m ago  1h 0m ago\n"
            "all                      3    6 B  1h 0m ago  1h 0m ago\n");
  EXPECT_EQ(GroupTable({}, kNow), "no dead letters\n");
}

TEST(DeadLetterReportTest, WhatDeadLettersHoldForgesNoOutput) {
  const std::string table = GroupTable(Groups({{"a\nfake 1", "\x1b[2J"}}), kNow);
  EXPECT_EQ(std::ranges::count(table, '\n'), 2);
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
}

TEST(DeadLetterReportTest, JsonHasTheSame) {
  const auto json = nlohmann::json::parse(GroupsAsJson(Groups({{"a\"\\\n", "t"}, {"b", "t"}})));
  EXPECT_EQ(json["letters"], 2);
  EXPECT_EQ(json["oldest"], "2026-01-31T11:00:00.000Z");
  ASSERT_EQ(json["groups"].size(), 2U);
  EXPECT_EQ(json["groups"][1]["code"], "b");
  EXPECT_EQ(json["groups"][1]["bytes"], 2);
  const auto none = nlohmann::json::parse(GroupsAsJson({}));
  EXPECT_EQ(none["letters"], 0);
  EXPECT_TRUE(none["newest"].is_null());
}

TEST(DeadLetterReportTest, TheSummaryNamesWhateverWasNotSent) {
  ei::Redrive::Counts counts;
  counts.read = 12'345;
  counts.matched = 1000;
  counts.sent = 900;
  counts.sent_earlier = 90;
  counts.unfit[static_cast<size_t>(RedriveFault::kTooOften)] = 5;
  counts.died_again["message_too_large"] = 4;
  counts.left["not_authorized"] = 1;
  counts.left_at = {"0:17"};
  EXPECT_EQ(RedriveSummary(counts, std::chrono::seconds(3), "events-dlq"),
            "read        12,345\n"
            "matched     1,000\n"
            "sent back   900\n"
            "rejected    4  message_too_large: in events-dlq again\n"
            "skipped     90  another redrive has sent them back (--again: send them too)\n"
            "skipped     5  sent back too often already (--max-redrives)\n"
            "left        1  not_authorized: rejected by events-dlq too\n"
            "            at 0:17\n"
            "time        3s, 300/s\n");
}

TEST(AmountText, NumbersHaveCommas) {
  EXPECT_EQ(NumberText(0), "0");
  EXPECT_EQ(NumberText(999), "999");
  EXPECT_EQ(NumberText(1000), "1,000");
  EXPECT_EQ(NumberText(18'446'744'073'709'551'615U), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace ei::service
