#include "main/settings_checks.h"

#include <gtest/gtest.h>

#include <string>

#include "main/settings_table.h"

namespace ei::service {
namespace {

// "key / other: message" of the only conflict, "" for none.
std::string OnlyConflict(const Settings& settings) {
  const std::vector<SettingConflict> conflicts = FindConflicts(settings);
  if (conflicts.empty()) return "";
  if (conflicts.size() > 1) return "more than one conflict";
  return std::string(conflicts[0].key) + " / " + std::string(conflicts[0].other) + ": " +
         conflicts[0].message;
}

TEST(SettingConflicts, AdminPortThatIsTheHttpPort) {
  Settings settings = DefaultSettings();
  settings.admin.port = settings.http.port;
  EXPECT_EQ(OnlyConflict(settings),
            "admin.port / http.port: 8080 is also http.port; take another port, or leave admin.port unset to "
            "have the "
            "operational routes on http.port");
  settings.admin.port = settings.http.port = 0;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, BodyThatCannotHoldTheLargestEvent) {
  Settings settings = DefaultSettings();
  settings.ingest.body_bytes_max = settings.ingest.event_bytes_max;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.ingest.body_bytes_max = 512 * 1024;
  EXPECT_EQ(OnlyConflict(settings),
            "ingest.body_bytes_max / ingest.event_bytes_max: 512KiB is less than ingest.event_bytes_max "
            "(1000000), so the "
            "largest event would not fit into a request; raise the one or lower the other");
}

TEST(SettingConflicts, InflightBytesThatCannotHoldTheLargestBody) {
  Settings settings = DefaultSettings();
  settings.http.inflight_bytes_max = settings.ingest.body_bytes_max;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.http.inflight_bytes_max -= 1;
  EXPECT_EQ(OnlyConflict(settings),
            "http.inflight_bytes_max / ingest.body_bytes_max: 10485759 is less than ingest.body_bytes_max "
            "(10MiB), so the "
            "largest body would never be let in; raise the one or lower the other");
}

TEST(SettingConflicts, JournalThatOneEventCouldFill) {
  Settings settings = DefaultSettings();
  settings.journal.bytes_max = 2'000'000;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.journal.bytes_max = 1024 * 1024;
  EXPECT_EQ(OnlyConflict(settings),
            "journal.bytes_max / ingest.event_bytes_max: 1MiB is less than twice ingest.event_bytes_max "
            "(1000000), so one "
            "large event could fill the journal; raise the one or lower the other");
}

TEST(SettingConflicts, DeadLetterFileThatCannotHoldTheLargestEvent) {
  Settings settings = DefaultSettings();
  settings.dead_letter.bytes_max = 4 * settings.ingest.event_bytes_max;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.dead_letter.bytes_max = 3 * 1024 * 1024;
  EXPECT_EQ(OnlyConflict(settings),
            "dead_letter.bytes_max / ingest.event_bytes_max: 3MiB is less than four times "
            "ingest.event_bytes_max (1000000), so a line of the largest event, with its key and perhaps in "
            "base 64, might not fit; raise the one or lower the other");
}

TEST(SettingConflicts, DeadLettersInTheirOwnTopic) {
  Settings settings = DefaultSettings();
  settings.kafka.dlq_topic = settings.kafka.topic;
  EXPECT_EQ(OnlyConflict(settings),
            "kafka.dlq_topic / kafka.topic: \"events\" is also kafka.topic; dead letters need a topic of "
            "their own");
}

TEST(SettingConflicts, WorkersWithoutAShareOfTheWindow) {
  Settings settings = DefaultSettings();
  settings.delivery.workers = 8;
  settings.delivery.inflight_events_max = 8;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.delivery.inflight_events_max = 7;
  EXPECT_EQ(OnlyConflict(settings),
            "delivery.inflight_events_max / delivery.workers: 7 is less than delivery.workers (8), so some "
            "workers could "
            "send nothing; raise the one or lower the other");
}

TEST(SettingConflicts, AckThatPromisesLessThanTheLeast) {
  Settings settings = DefaultSettings();
  settings.ingest.ack_min = domain::AckLevel::kBroker;
  EXPECT_EQ(OnlyConflict(settings),
            "ingest.ack / ingest.ack_min: wal promises less than ingest.ack_min (broker); raise the one or "
            "lower the other");
  settings.ingest.ack = domain::AckLevel::kBroker;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, LogFileThatCannotHoldTheLargestBody) {
  Settings settings = DefaultSettings();
  settings.wal.segment_bytes = 16u << 20;
  settings.ingest.ack = domain::AckLevel::kMemory;
  EXPECT_EQ(OnlyConflict(settings), "") << "the log is off";
  settings.ingest.ack = domain::AckLevel::kWal;
  EXPECT_EQ(
      OnlyConflict(settings),
      "wal.segment_bytes / ingest.body_bytes_max: 16MiB is less than twice ingest.body_bytes_max (10MiB), "
      "so the events of the largest body might not fit into one file of the log; raise the one or lower "
      "the other");
  settings.wal.segment_bytes = 20u << 20;
  EXPECT_EQ(OnlyConflict(settings), "");
}

TEST(SettingConflicts, LogThatIsFullWithItsFirstFile) {
  Settings settings = DefaultSettings();
  settings.ingest.ack = settings.ingest.ack_min = domain::AckLevel::kWal;
  settings.wal.bytes_max = 64u << 20;
  EXPECT_EQ(OnlyConflict(settings), "");
  settings.wal.segment_bytes = 33u << 20;
  EXPECT_EQ(
      OnlyConflict(settings),
      "wal.bytes_max / wal.segment_bytes: 64MiB is less than twice wal.segment_bytes (33MiB), so the log "
      "would be full before it could give any disk back; raise the one or lower the other");
}

TEST(SettingConflicts, AllAreReported) {
  Settings settings = DefaultSettings();
  settings.admin.port = settings.http.port;
  settings.kafka.dlq_topic = settings.kafka.topic;
  EXPECT_EQ(FindConflicts(settings).size(), 2u);
}

}  // namespace
}  // namespace ei::service
