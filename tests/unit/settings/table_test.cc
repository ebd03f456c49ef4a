#include "settings/table.h"

#include <gtest/gtest.h>

#include <cctype>
#include <limits>
#include <set>
#include <string>

#include "settings/checks.h"

namespace ei::service {
namespace {

using namespace std::chrono_literals;

TEST(SettingsTable, NoNameIsUsedTwice) {
  std::set<std::string_view> names;
  for (const Setting& row : ServiceSettings().rows()) {
    EXPECT_TRUE(names.insert(row.key).second) << row.key;
    EXPECT_TRUE(names.insert(row.env).second) << row.env;
  }
  for (const RemovedSetting& removed : ServiceSettings().Removed()) {
    EXPECT_TRUE(names.insert(removed.key).second) << removed.key;
    EXPECT_TRUE(names.insert(removed.env).second) << removed.env;
    EXPECT_TRUE(removed.instead.ends_with('.')) << removed.key;
  }
}

TEST(SettingsTable, NamesKeepTheirForm) {
  for (const Setting& row : ServiceSettings().rows()) {
    ASSERT_NE(row.key.find('.'), std::string_view::npos) << row.key;
    for (const char c : row.key) EXPECT_TRUE(std::islower(c) || c == '.' || c == '_') << row.key;
    for (const char c : row.env) EXPECT_TRUE(std::isupper(c) || c == '_') << row.env;
  }
}

TEST(SettingsTable, RowsOfAGroupStandTogetherUnderATitle) {
  std::set<std::string_view> groups;
  std::string_view last;
  for (const Setting& row : ServiceSettings().rows()) {
    const std::string_view group = GroupOf(row.key);
    if (group != last) {
      EXPECT_TRUE(groups.insert(group).second) << group;
    }
    last = group;
    EXPECT_NE(GroupTitle(group), group);
  }
}

TEST(SettingsTable, EveryRowTellsTheOperatorWhatItDoes) {
  for (const Setting& row : ServiceSettings().rows()) {
    EXPECT_GE(row.text.size(), 20u) << row.key;
    EXPECT_TRUE(row.text.ends_with('.')) << row.key;
    EXPECT_FALSE(row.example.empty()) << row.key;
    EXPECT_FALSE(row.allowed.empty()) << row.key;
    EXPECT_FALSE(row.type.empty()) << row.key;
  }
}

TEST(SettingsTable, EveryDefaultAndExampleIsAllowedAndComesBackAsWritten) {
  for (const Setting& row : ServiceSettings().rows()) {
    for (const std::string& text : {row.fallback, std::string(row.example)}) {
      Settings settings;
      const auto assigned = row.assign(text, settings);
      ASSERT_TRUE(assigned.has_value()) << row.key << ": " << assigned.error().message;
      EXPECT_EQ(row.format(settings), text) << row.key;
    }
  }
}

TEST(SettingsTable, BothEndsOfARangeAreAllowedAndNothingBeyond) {
  int ranges = 0;
  for (const Setting& row : ServiceSettings().rows()) {
    if (!row.lowest) continue;
    ++ranges;
    for (const std::string& text : {*row.lowest, *row.highest}) {
      Settings settings;
      ASSERT_TRUE(row.assign(text, settings).has_value()) << row.key << " " << text;
      EXPECT_EQ(row.format(settings), text) << row.key;
    }
    Settings settings = DefaultSettings();
    const auto above = row.assign("1" + *row.highest, settings);
    ASSERT_FALSE(above.has_value()) << row.key;
    EXPECT_EQ(above.error().message, "is above the range") << row.key;
    if (*row.lowest == "0" || *row.lowest == "0s") continue;
    const auto below = row.assign("0", settings);
    ASSERT_FALSE(below.has_value()) << row.key;
    EXPECT_EQ(below.error().message, "is below the range") << row.key;
    EXPECT_EQ(row.format(settings), row.fallback) << row.key << ": a refused value was stored";
  }
  EXPECT_GE(ranges, 20);
}

TEST(SettingsTable, WrongTypesAreRejectedByEveryRow) {
  for (const Setting& row : ServiceSettings().rows()) {
    if (row.type == "text") continue;
    for (const char* text : {"-1", "true", "1 2", "nan", "inf", "\xff", "[]"}) {
      Settings settings;
      EXPECT_FALSE(row.assign(text, settings).has_value()) << row.key << " took " << text;
    }
    Settings settings;
    EXPECT_EQ(row.assign("", settings).has_value(), row.may_be_unset) << row.key;
  }
}

TEST(SettingsTable, EachRowIsBoundToAMemberOfItsOwn) {
  for (const Setting& row : ServiceSettings().rows()) {
    Settings settings = DefaultSettings();
    ASSERT_TRUE(row.assign(row.example, settings).has_value());
    for (const Setting& other : ServiceSettings().rows()) {
      EXPECT_EQ(other.format(settings), &other == &row ? std::string(row.example) : other.fallback)
          << row.key << " changed " << other.key;
    }
  }
}

TEST(SettingsTable, NearestNameComesFromKeyLastPartOrEnvironment) {
  const SettingsTable& table = ServiceSettings();
  EXPECT_EQ(table.NearestKey("htp.port"), "http.port");
  EXPECT_EQ(table.NearestKey("http.request-timeout"), "http.request_timeout");
  EXPECT_EQ(table.NearestKey("kafka.broker"), "kafka.brokers");
  EXPECT_EQ(table.NearestKey("brokers"), "kafka.brokers");
  EXPECT_EQ(table.NearestKey("queue_size"), "journal.events_max");
  EXPECT_EQ(table.NearestKey("WORKER_POOL_SIZE"), "delivery.workers");
  EXPECT_EQ(table.NearestKey("kafak"), "");
  EXPECT_EQ(table.NearestKeyOrGroup("kafak"), "kafka");
  EXPECT_EQ(table.NearestKeyOrGroup("rate-limits"), "rate_limit");
  EXPECT_EQ(table.NearestKey("wal.segment_byte"), "") << "a removed setting is not proposed";
}

TEST(SettingsTable, NothingIsNearToNonsense) {
  const SettingsTable& table = ServiceSettings();
  EXPECT_EQ(table.NearestKey(""), "");
  EXPECT_EQ(table.NearestKey("zzzzzzzz"), "");
  EXPECT_EQ(table.NearestKeyOrGroup(std::string(65, 'a')), "");
}

TEST(DefaultSettings, AreWhatTheContractSays) {
  const Settings settings = DefaultSettings();
  EXPECT_EQ(settings.http.address, "127.0.0.1");
  EXPECT_EQ(settings.http.port, 8080);
  EXPECT_EQ(settings.http.header_bytes_max, 16u * 1024);
  EXPECT_EQ(settings.http.request_timeout, 30s);
  EXPECT_EQ(settings.http.idle_timeout, 75s);
  EXPECT_FALSE(settings.http.admin_port.has_value());
  EXPECT_EQ(settings.ingest.ack, AckLevel::kWal);
  EXPECT_EQ(settings.ingest.ack_min, AckLevel::kMemory);
  EXPECT_EQ(settings.http.ack_timeout, 30s);
  EXPECT_EQ(settings.http.body_bytes_max, 10u << 20);
  EXPECT_EQ(settings.decoder.event_bytes_max, 1'000'000u);
  EXPECT_EQ(settings.shares.rate, 200'000.0);
  EXPECT_EQ(settings.shares.burst, 400'000.0);
  EXPECT_EQ(settings.journal.events_max, 100'000u);
  EXPECT_EQ(settings.journal.bytes_max, 64u << 20);
  EXPECT_EQ(settings.wal_dir, "var/wal");
  EXPECT_EQ(settings.wal.bytes_max, 1u << 30);
  EXPECT_TRUE(JournalIsWal(settings));
  EXPECT_EQ(settings.sink, SinkKind::kKafka);
  EXPECT_EQ(settings.file.directory, "var/events");
  EXPECT_EQ(settings.kafka.brokers, "localhost:9092");
  EXPECT_EQ(settings.kafka.topic, "events");
  EXPECT_EQ(settings.kafka.dlq_topic, "events-dlq");
  EXPECT_EQ(settings.routing.key, "id");
  EXPECT_EQ(settings.kafka.max_retries, 1u);
  EXPECT_EQ(settings.kafka.retry_backoff, 100ms);
  EXPECT_EQ(settings.kafka.write_timeout, 10s);
  EXPECT_EQ(settings.kafka.compression, "none");
  EXPECT_EQ(settings.shutdown.delay, 0s);
  EXPECT_EQ(settings.shutdown.timeout, 30s);
  EXPECT_EQ(settings.log_level, LogLevel::kInfo);
}

TEST(DefaultSettings, HaveNoConflict) { EXPECT_TRUE(FindConflicts(DefaultSettings()).empty()); }

}  // namespace
}  // namespace ei::service
