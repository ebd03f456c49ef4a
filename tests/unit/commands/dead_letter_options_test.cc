#include "commands/dead_letter_options.h"

#include <gtest/gtest.h>

#include "event/timestamp.h"

namespace ei::service {
namespace {

using Lines = std::vector<std::string>;

struct Taken {
  DeadLetterOptions options;
  std::vector<SettingFlag> rest;
  Lines faults;
};

Taken Take(std::vector<SettingFlag> flags, bool redrive = true) {
  Taken taken;
  taken.options = ExtractDeadLetterOptions(flags, redrive, taken.faults);
  taken.rest = std::move(flags);
  return taken;
}

TEST(DeadLetterOptions, AreTakenOutOfTheSettings) {
  const Taken taken =
      Take({{"code", "a"}, {"kafka.topic", "t"}, {"code", "b"}, {"rate", "2.5"}, {"job", "nightly"}});
  EXPECT_EQ(taken.faults, Lines());
  EXPECT_EQ(taken.options.codes, (Lines{"a", "b"}));
  EXPECT_EQ(taken.options.rate, 2.5);
  EXPECT_EQ(taken.options.job, "nightly");
  ASSERT_EQ(taken.rest.size(), 1U);
  EXPECT_EQ(taken.rest.front().key, "kafka.topic");
}

TEST(DeadLetterOptions, FromIsATopicOrAFileOfSomeFolder) {
  EXPECT_FALSE(Take({{"from", "topic"}}).options.from_file);
  EXPECT_TRUE(Take({{"from", "file"}}).options.from_file);
  EXPECT_EQ(Take({{"from", "file:/x y"}}).options.folder, "/x y");
  for (const char* text : {"", "files", "file:", "kafka"}) {
    EXPECT_EQ(Take({{"from", text}}).faults.size(), 1U) << text;
  }
}

TEST(DeadLetterOptions, TimesAreMomentsOrSoLongAgo) {
  const auto now = *ParseTimestamp("2026-01-31T12:00:00Z");
  const DeadLetterOptions options = Take({{"since", "2h"}, {"until", "2026-01-31T11:30:00Z"}}).options;
  const DeadLetterFilter filter = FilterOf(options, now);
  EXPECT_EQ(filter.since, ParseTimestamp("2026-01-31T10:00:00Z"));
  EXPECT_EQ(filter.until, ParseTimestamp("2026-01-31T11:30:00Z"));
}

TEST(DeadLetterOptions, FaultsNameTheOptionTheValueAndWhatWouldDo) {
  EXPECT_EQ(Take({{"since", "yesterday"}}).faults,
            Lines{"--since \"yesterday\" is neither a time, as 2026-01-31T12:00:00Z, nor an age, as 2h"});
  EXPECT_EQ(Take({{"max-redrives", "0"}}).faults,
            Lines{"--max-redrives \"0\" is not a number from 1 to 1000"});
  EXPECT_EQ(Take({{"id", ""}}).faults, Lines{"--id \"\" is empty"});
  for (const auto& [key, value] : std::vector<SettingFlag>{{"rate", "0"},
                                                           {"rate", "nan"},
                                                           {"rate", "-1"},
                                                           {"rate", "1x"},
                                                           {"rate", "inf"},
                                                           {"job", ""},
                                                           {"job", "a b"},
                                                           {"job", std::string(101, 'x')},
                                                           {"code", "a\nb"},
                                                           {"until", "-2h"}}) {
    EXPECT_EQ(Take({{key, value}}).faults.size(), 1U) << key << ' ' << value;
  }
}

TEST(DeadLetterOptions, StatsKnowsNoneOfHowToSend) {
  EXPECT_EQ(Take({{"rate", "1"}}, /*redrive=*/false).faults, Lines{"--rate belongs to redrive"});
  EXPECT_EQ(Take({{"code", "a"}}, /*redrive=*/false).faults, Lines());
}

RedriveScope ScopeOf(std::vector<SettingFlag> flags, std::string source = "topic events-dlq") {
  const DeadLetterOptions options = Take(std::move(flags)).options;
  return {std::move(source), FilterOf(options, {}), options.redrives_max};
}

TEST(RedriveScope, ComesBackFromItsText) {
  const RedriveScope scope = ScopeOf({{"code", "a=b"},
                                      {"topic", "t"},
                                      {"type", "\xc3\xa4"},
                                      {"id", "1"},
                                      {"id", "2"},
                                      {"since", "2026-01-31T10:00:00Z"},
                                      {"max-redrives", "7"}});
  const auto back = ReadScope(ToText(scope));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->source, scope.source);
  EXPECT_EQ(back->filter.codes, scope.filter.codes);
  EXPECT_EQ(back->filter.topics, scope.filter.topics);
  EXPECT_EQ(back->filter.types, scope.filter.types);
  EXPECT_EQ(back->filter.ids, scope.filter.ids);
  EXPECT_EQ(back->filter.since, scope.filter.since);
  EXPECT_EQ(back->filter.until, std::nullopt);
  EXPECT_EQ(back->redrives_max, 7U);
}

TEST(RedriveScope, JunkIsNone) {
  for (const char* text :
       {"", "topic t\njunk\n", "topic t\nunknown=1\n", "topic t\nmax-redrives=0\n", "\ncode=a\n"}) {
    EXPECT_FALSE(ReadScope(text).has_value()) << text;
  }
  EXPECT_TRUE(ReadScope("topic t").has_value());
}

TEST(RedriveScope, TheJobIsNamedByWhatIsAskedForInWhateverOrder) {
  const auto name = [](std::vector<SettingFlag> flags, std::string source = "topic t") {
    return JobNameOf({}, ScopeOf(std::move(flags), std::move(source)));
  };
  EXPECT_TRUE(name({}).starts_with(kJobPrefix));
  EXPECT_EQ(name({{"code", "a"}, {"id", "1"}, {"id", "2"}}), name({{"id", "2"}, {"id", "1"}, {"code", "a"}}));
  EXPECT_EQ(name({{"rate", "5"}}), name({}));
  EXPECT_NE(name({{"code", "a"}}), name({{"topic", "a"}}));
  EXPECT_NE(name({}), name({}, "topic u"));
  EXPECT_NE(name({{"max-redrives", "4"}}), name({}));
  DeadLetterOptions named;
  named.job = "nightly";
  EXPECT_EQ(JobNameOf(named, ScopeOf({})), "event-ingestor-redrive-nightly");
}

}  // namespace
}  // namespace ei::service
