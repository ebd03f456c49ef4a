#include <gtest/gtest.h>

#include <string>

#include "event/timestamp.h"

namespace ei {
namespace {

TEST(Rfc3339, InvalidTextIsRejected) {
  const char* const cases[] = {
      "",
      " ",
      "Z",
      "now",
      "2026",
      "2026-01-31",
      "12:00:00Z",
      "2026-01-31T12:00:00",
      "2026-01-31 12:00:00Z",  // RFC 3339 allows a space only by agreement
      "2026-01-31T12:00Z",     // seconds are required
      "2026-01-31T12Z",
      "20260131T120000Z",
      "2026-W05-6T12:00:00Z",
      "2026-031T12:00:00Z",
      "26-01-31T12:00:00Z",
      "02026-01-31T12:00:00Z",
      "+2026-01-31T12:00:00Z",
      "-2026-01-31T12:00:00Z",
      "2026-1-31T12:00:00Z",
      "2026-01-3T12:00:00Z",
      "2026-01-31T1:00:00Z",
      "2026-01-31T12:0:00Z",
      "2026-01-31T12:00:0Z",
      "2026/01/31T12:00:00Z",
      "2026-01-31T12.00.00Z",
      "2026-01-31_12:00:00Z",
      " 2026-01-31T12:00:00Z",
      "2026-01-31T12:00:00Z ",
      "2026-01-31T12:00:00ZZ",
      "2026-01-31T12:00:00Z+00:00",
      "2026-01-31T12:00:00.Z",
      "2026-01-31T12:00:00,5Z",
      "2026-01-31T12:00:00.5.5Z",
      "2026-01-31T12:00:00.-5Z",
      "2026-01-31T12:00:00.",
      "2026-01-31T12:00:00.5",
      "2026-01-31T12:00:00+",
      "2026-01-31T12:00:00+1",
      "2026-01-31T12:00:00+01",
      "2026-01-31T12:00:00+0100",
      "2026-01-31T12:00:00+01:0",
      "2026-01-31T12:00:00+1:00",
      "2026-01-31T12:00:00+01:000",
      "2026-01-31T12:00:00+24:00",
      "2026-01-31T12:00:00+01:60",
      "2026-01-31T12:00:00 Z",
      "2026-01-31T12:00:00GMT",
      "2026-00-31T12:00:00Z",
      "2026-13-31T12:00:00Z",
      "2026-01-00T12:00:00Z",
      "2026-01-32T12:00:00Z",
      "2026-04-31T12:00:00Z",
      "2026-06-31T12:00:00Z",
      "2026-09-31T12:00:00Z",
      "2026-11-31T12:00:00Z",
      "2026-02-29T12:00:00Z",
      "2026-02-30T12:00:00Z",
      "1900-02-29T12:00:00Z",
      "2100-02-29T00:00:00Z",
      "2024-02-30T00:00:00Z",
      "2026-01-31T24:00:00Z",
      "2026-01-31T12:60:00Z",
      "2026-01-31T12:00:61Z",
      "2026-01-31T12:00:99Z",
      ("2\xd9\xa0"
       "26-01-31T12:00:00Z"),
      "2026-01-31T12:00:0\xef\xbc\x90Z",
      "0x26-01-31T12:00:00Z",
      "2026-01-31T12:00:00+-1:00",
      "1e99-01-31T12:00:00Z",
  };
  for (const char* text : cases) EXPECT_FALSE(IsRfc3339(text)) << text;
  EXPECT_FALSE(IsRfc3339(std::string_view("2026-01-31T12:00:00Z\0", 21)));
  EXPECT_FALSE(IsRfc3339(std::string_view("2026-01-31T12:00\0:00Z", 21)));
}

TEST(Rfc3339, RealMomentsAreAccepted) {
  const char* const cases[] = {
      "2026-01-31T12:00:00Z",         "2026-01-31t12:00:00z",
      "0000-01-01T00:00:00Z",         "9999-12-31T23:59:59.999999999Z",
      "2026-01-31T00:00:00Z",         "2026-01-31T23:59:59Z",
      "2026-02-28T12:00:00Z",         "2024-02-29T12:00:00Z",
      "2000-02-29T12:00:00Z",         "0000-02-29T12:00:00Z",
      "2400-02-29T12:00:00Z",         "2026-04-30T12:00:00Z",
      "2026-12-31T12:00:00Z",         "2026-01-31T12:00:00.0Z",
      "2026-01-31T12:00:00.123Z",     "2026-01-31T12:00:00.12345678901234567890123456789Z",
      "2026-01-31T12:00:00+00:00",    "2026-01-31T12:00:00-00:00",
      "2026-01-31T12:00:00+23:59",    "2026-01-31T12:00:00-23:59",
      "2026-01-31T12:00:00.5+05:30",  "2026-01-31T12:00:00-08:00",
      "1985-04-12T23:20:50.52Z",      "1996-12-19T16:39:57-08:00",
      "1937-01-01T12:00:27.87+00:20",  // an example of the RFC
  };
  for (const char* text : cases) EXPECT_TRUE(IsRfc3339(text)) << text;
}

TEST(Rfc3339, LeapSecondOnlyBeforeMidnightUtc) {
  for (const char* text : {"1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00", "2016-12-31T23:59:60.5Z",
                           "2017-01-01T00:59:60+01:00", "2017-01-01T05:29:60+05:30",
                           "2017-01-01T23:58:60+23:59", "2016-12-31T00:00:60-23:59"}) {
    EXPECT_TRUE(IsRfc3339(text)) << text;
  }
  for (const char* text : {"1990-12-31T23:58:60Z", "1990-12-31T22:59:60Z", "1990-12-31T00:00:60Z",
                           "1990-12-31T23:59:60+01:00", "1990-12-31T15:59:60Z", "1990-12-31T23:59:60-08:00",
                           "2017-01-01T05:28:60+05:30", "1990-12-31T23:59:61Z"}) {
    EXPECT_FALSE(IsRfc3339(text)) << text;
  }
}

TEST(Rfc3339, EveryTruncationOfAMomentIsRejected) {
  const std::string_view whole = "2026-01-31T12:00:00.123+05:30";
  ASSERT_TRUE(IsRfc3339(whole));
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(IsRfc3339(whole.substr(0, size))) << size;
}

TEST(FormatTimestamp, WritesMillisecondsInUtc) {
  const auto at = [](int64_t nanos) { return base::WallTime(base::Duration(nanos)); };
  EXPECT_EQ(View(FormatTimestamp(at(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(View(FormatTimestamp(at(999'999))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(View(FormatTimestamp(at(1'000'000))), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(View(FormatTimestamp(at(-1))), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(View(FormatTimestamp(at(951'782'399'999'000'000))), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(View(FormatTimestamp(at(951'782'400'000'000'000))), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(View(FormatTimestamp(at(1'767'225'599'999'999'999))), "2025-12-31T23:59:59.999Z");
  EXPECT_EQ(View(FormatTimestamp(at(INT64_MAX))), "2262-04-11T23:47:16.854Z");
}

TEST(ParseTimestamp, GivesTheMomentInUtc) {
  const auto at = [](int64_t nanos) { return base::WallTime(base::Duration(nanos)); };
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), at(0));
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:01.000000001Z"), at(1'000'000'001));
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00.1234567899999Z"), at(123'456'789));
  EXPECT_EQ(ParseTimestamp("1970-01-01T05:30:00+05:30"), at(0));
  EXPECT_EQ(ParseTimestamp("1969-12-31T16:00:00-08:00"), at(0));
  EXPECT_EQ(ParseTimestamp("2000-02-29T00:00:00z"), at(951'782'400'000'000'000));
  EXPECT_EQ(ParseTimestamp("2016-12-31T23:59:60Z"), ParseTimestamp("2017-01-01T00:00:00Z"));
}

TEST(ParseTimestamp, RejectsInvalidTextAndYearsOutOfRange) {
  for (const char* text : {"", "now", "2026-02-29T00:00:00Z", "1677-12-31T00:00:00Z", "2262-01-01T00:00:00Z",
                           "0000-01-01T00:00:00Z"}) {
    EXPECT_EQ(ParseTimestamp(text), std::nullopt) << text;
  }
  EXPECT_TRUE(ParseTimestamp("1678-01-01T00:00:00+23:59"));
  EXPECT_TRUE(ParseTimestamp("2261-12-31T23:59:59.999999999-23:59"));
}

TEST(ParseTimestamp, ReadsWhatFormatTimestampWrites) {
  for (int64_t day = -100'000; day < 100'000; day += 97) {
    const base::WallTime time(std::chrono::hours(24) * day + std::chrono::milliseconds(day * 1001));
    EXPECT_EQ(ParseTimestamp(View(FormatTimestamp(time))), time);
  }
}

TEST(FormatTimestamp, IsAcceptedByTheValidation) {
  for (int64_t day = -200'000; day < 106'000; day += 97) {
    const auto text =
        FormatTimestamp(base::WallTime(std::chrono::hours(24) * (day / 2) + std::chrono::seconds(day)));
    EXPECT_TRUE(IsRfc3339(View(text))) << View(text);
  }
}

}  // namespace
}  // namespace ei
